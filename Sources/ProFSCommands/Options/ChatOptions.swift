internal import ArgumentParser
internal import Tokenization

extension ChatFormat: ExpressibleByArgument {}

/// How conversations are written; shared by every command that reads some.
struct ChatOptions: ParsableArguments {
  @Option(
    help: "How conversations are written, where the model has no chat template, or not the right one."
  )
  var chatFormat: ChatFormat?
}
