internal import CProcessor
internal import Foundation
import ProFSCommands

guard profs_processor_suffices() != 0 else {
  FileHandle.standardError.write(
    Data(
      "profs: error: this processor has no AVX2, which the program was built for; build it with PROFS_PROCESSOR=x86-64\n"
        .utf8))
  exit(1)
}
ProFSCommand.runAndExit()
