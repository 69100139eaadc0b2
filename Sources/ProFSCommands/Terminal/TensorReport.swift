internal import Editing
internal import Foundation
internal import Storage

/// What an edit did to each tensor, for people and for programs.
enum TensorReport {
  /// A tensor's entry in the `--json` output; zeros where it was not edited.
  static func json(_ tensor: Receipt.Tensor) -> JSON {
    var members: [(key: String, value: JSON)] = [
      ("tensor", .string(tensor.name)),
      ("block", .int(tensor.edit?.block ?? 0)),
      ("relative_change", .double(tensor.edit?.relativeChange ?? 0)),
      ("residual", .double(tensor.edit?.residual ?? 0)),
    ]
    if let error = tensor.edit?.quantizationError { members.append(("quantization_error", .double(error))) }
    if let error = tensor.edit?.baseQuantizationError {
      members.append(("quantization_error_of_base", .double(error)))
    }
    return .object(members)
  }

  /// Prints a table of the edited tensors to standard output, and how many there are.
  static func print(_ receipt: Receipt) {
    Console.result("block  change  rest in subspace  tensor")
    for tensor in receipt.edited {
      guard let edit = tensor.edit else { continue }
      let columns = [
        String(edit.block).leftPadded(5), String(format: "%.2f %%", edit.relativeChange * 100).leftPadded(7),
        String(format: "%.1e", edit.residual).leftPadded(17),
      ]
      Console.result(columns.joined(separator: " ") + "  \(tensor.name)")
    }
    if let error = receipt.quantizationError {
      let types = Set(receipt.edited.map(\.type)).sorted().joined(separator: ", ")
      let ofBase = receipt.edited.compactMap(\.edit?.baseQuantizationError).max()
      let comparison =
        ofBase.map { String(format: "; as they were it would be up to %.2f %%", $0 * 100) } ?? ""
      Console.result(
        "quantising them as \(types) adds an error of "
          + String(format: "%.2f %%", error * 100) + " of their norm" + comparison)
    }
    guard !receipt.output.isAdapter else {
      return Console.result("\(receipt.edited.count) matrices edited by the adapter, the base as it was")
    }
    Console.result(
      "\(receipt.edited.count) of \(receipt.tensors.count) tensors edited, the others as they were")
  }
}

extension String {
  /// The text with spaces before it, `width` characters wide.
  func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

  /// The text with spaces after it, `width` characters wide.
  func rightPadded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
