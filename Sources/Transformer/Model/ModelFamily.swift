package import Storage

/// A family of models as data: how its files name things and how its blocks differ from another family's.
///
/// A new family is one such value in `Families/`, one line in ``ModelFamily/all``, and one fixture.
package struct ModelFamily: Sendable {
  /// The family's name, as the commands print it.
  package let name: String
  /// `model_type` values of `config.json`.
  package let modelTypes: [String]
  /// `architectures` values of `config.json`, looked at when `model_type` is not known.
  package let architectures: [String]
  /// `general.architecture` value of a GGUF file.
  package let ggufArchitecture: String
  /// Tensor name of each role in a Hugging Face checkpoint; `{}` stands for the block's number from 0.
  package let tensorNames: [WeightRole: String]
  /// The same in a GGUF file.
  package let ggufNames: [WeightRole: String]
  /// Numbers of `config.json` that a GGUF file also states, as (key, GGUF key after the architecture's prefix).
  package let ggufNumbers: [(key: String, gguf: String)]
  /// Roles whose rows a GGUF file holds with the two halves of each head interleaved.
  package let ggufInterleavedRoles: Set<WeightRole>
  /// Members of `config.json` that are the same for every model of the family.
  package let fixedConfig: [(key: String, value: JSON)]
  /// Reads the configuration from `config.json`.
  package let configuration: @Sendable (ConfigReader) throws -> ModelConfiguration

  /// Every supported family.
  package static let all: [ModelFamily] = [.llama]
}
