// Checks that need no build: layering, documentation, links, the documents' examples, length of files. Compiled by
// Scripts/check.sh and run in the repository's root, with the JSON of `swift package dump-package` on standard input.
// Prints one line per fault.
import Foundation

let faults =
  try layeringFaults(manifest: FileHandle.standardInput.readDataToEndOfFile())
  + files(under: "Sources", ending: ".swift").flatMap(documentationFaults)
  + ["Sources", "Tests", "Scripts"].flatMap { try lengthFaults(files(under: $0, ending: ".swift")) }
  + files(under: ".", ending: ".md").flatMap { try linkFaults(in: $0) + exampleFaults(in: $0) }
  + files(under: "Sources", ending: ".swift").flatMap(exampleFaults)

for fault in faults { print(fault) }
print(
  faults.isEmpty ? "Layering, documentation, links, examples, lengths: in order." : "\(faults.count) faults.")
exit(faults.isEmpty ? 0 : 1)
