internal import Kernels
internal import SubspaceEditing
internal import Transformer

/// What happens to one weight.
struct WeightEdit {
  /// The block, from 1.
  let block: Int
  /// What is removed.
  let subspace: BlockSubspace
  /// The share of it that is removed.
  let strength: Double
  /// How the matrix is stored where it is edited.
  let layout: WeightLayout
}

extension BlockSubspace {
  /// What rounding a matrix to `type` leaves of it in the subspace: an upper bound of ‖V W‖_F / ‖W‖_F.
  ///
  /// An element is off by at most half a unit in the last place, and of such errors a random subspace holds the share
  /// √(rank/hidden). Of an unedited matrix it holds about that share of the whole.
  func roundingResidual(of type: ElementType) -> Double {
    let halfUnit =
      switch type {
      case .bf16: 0x1p-9
      case .f16: 0x1p-12
      // Of blocks, half the error that weights have on average.
      case .q2_k: 0.15
      case .q3_k: 0.08
      case .q4_0, .q4_1, .q4_k, .iq4_nl, .iq4_xs: 0.05
      case .q5_0, .q5_1, .q5_k: 0.025
      case .q6_k: 0.01
      case .q8_0: 0.003
      default: 0x1p-24
      }
    // Twice over for chance, and twice because the directions are themselves rounded to single precision.
    return 4 * halfUnit * (Double(rank) / Double(hidden)).squareRoot()
  }
}

extension WeightShape {
  /// The shape of a stored MLP-value matrix.
  init(_ shape: [Int], _ layout: WeightLayout) {
    switch layout {
    case .outputsByInputs: self.init(layout: layout, outputs: shape[0], inputs: shape[1])
    case .inputsByOutputs: self.init(layout: layout, outputs: shape[1], inputs: shape[0])
    }
  }
}

extension ModelFamily {
  /// How the family's checkpoints store the matrices that are edited.
  var weightLayout: WeightLayout {
    switch linearLayout {
    case .outputMajor: .outputsByInputs
    case .inputMajor: .inputsByOutputs
    }
  }
}

extension Model {
  /// How this model's files store the matrices that are edited.
  var mlpValueLayout: WeightLayout {
    layout(of: .mlpValue) == .inputMajor ? .inputsByOutputs : .outputsByInputs
  }
}
