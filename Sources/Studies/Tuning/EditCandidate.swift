package import Editing
internal import Foundation
internal import SubspaceEditing

/// A way of editing a model that a search tries.
package struct EditCandidate: Sendable, Hashable {
  /// How the subspace is found, and in which blocks it is removed.
  package var recipe: EditRecipe
  /// The share of it that is removed.
  package var strength: Double
  /// How many times a second step counts, as ``StepCorrection`` makes it; 0 where there is none.
  package var correction = 0.0

  /// A recipe with a strength.
  package init(recipe: EditRecipe, strength: Double, correction: Double = 0) {
    (self.recipe, self.strength, self.correction) = (recipe, strength, correction)
  }

  /// Whether `other` differs in strength at most.
  package func isAlike(_ other: Self) -> Bool { recipe == other.recipe && correction == other.correction }

  /// The options of `profs edit` that make it.
  package var options: String {
    (recipeOptions + (correction > 0 ? ["--correction", "\(correction)"] : [])
      + ["--strength", "\(strength)"]).joined(separator: " ")
  }

  /// The options of `profs fit` that find its subspace.
  package var recipeOptions: [String] {
    var words = ["--recipe", recipe.method.rawValue]
    if recipe.method == .protected { words += ["--protect", "\(recipe.protectedDirections)"] }
    if [.protected, .oblique].contains(recipe.method) { words += ["--rank-by", recipe.ranking.rawValue] }
    words += ["--rank", recipe.rank.description]
    words += ["--layers", "\(recipe.blocks.lowerBound)-\(recipe.blocks.upperBound)"]
    return words
  }
}

extension EditCandidate {
  /// Three strengths between two, in equal ratios, to two digits.
  package static func strengths(between low: Double, and high: Double) -> [Double] {
    let digits = pow(10, 1 - log10(low).rounded(.down))
    let strengths = (1...3).map { step in
      (low * pow(high / low, Double(step) / 4) * digits).rounded() / digits
    }
    return strengths.reduce(into: []) { if $1 > $0.last ?? low, $1 < high { $0.append($1) } }
  }

  /// The candidates for a model of `blocks` blocks of width `hidden`: more than a hundred.
  ///
  /// Both rankings under four widths of protection, four ranks, from a third or from half of the blocks up; the consistent
  /// directions also removed by half again as much; the oblique projection at three ranks and five strengths; steps of
  /// natural gradient at two ranks and fourteen strengths; and the paper's recipe for comparison.
  ///
  /// - Parameters:
  ///   - largestRank: what pairs and width allow.
  ///   - corrected: whether the larger steps are also tried with a second one behind them.
  package static func standard(blocks: Int, hidden: Int, largestRank: Int, corrected: Bool = false)
    -> [EditCandidate]
  {
    let starts = Set([blocks / 3 + 1, blocks / 2 + 1]).sorted()
    let ranks = [2, 4, 8, 16].filter { $0 <= largestRank }
    let protections = Set([1, 2, 4, 6].map { max(1, hidden * $0 / 16) }).sorted()
      .filter { $0 + (ranks.last ?? 1) < hidden }
    var candidates: [EditCandidate] = []
    for start in starts {
      for rank in ranks {
        for count in protections {
          for ranking in [DirectionRanking.singularValue, .consistency] {
            let recipe = EditRecipe(
              method: .protected, rank: .fixed(rank), blocks: start...blocks, protectedDirections: count,
              ranking: ranking)
            candidates.append(EditCandidate(recipe: recipe, strength: 1))
            if ranking == .consistency {
              candidates.append(EditCandidate(recipe: recipe, strength: 1.5))
            }
          }
        }
      }
      for rank in [1, 2, 4] where rank <= largestRank {
        let oblique = EditRecipe(
          method: .oblique, rank: .fixed(rank), blocks: start...blocks, ranking: .mean)
        candidates += [0.5, 1, 1.5, 2, 3].map { EditCandidate(recipe: oblique, strength: $0) }
      }
      // A step weighs its blocks itself; with the lower ones it did no better.
      for rank in [1, 4] where rank <= largestRank && start == starts.last {
        let natural = EditRecipe(method: .natural, rank: .fixed(rank), blocks: start...blocks)
        // What a step costs and gains grows with it without a break, so that a finer choice comes closer to a budget.
        candidates += [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.42, 0.5, 0.6, 0.7, 0.85, 1, 1.4, 2].map {
          EditCandidate(recipe: natural, strength: $0)
        }
        guard corrected, rank > 1 else { continue }
        candidates += [0.2, 0.25, 0.3, 0.35, 0.42, 0.5, 0.6, 0.7, 0.85, 1, 1.4, 2].map {
          EditCandidate(recipe: natural, strength: $0, correction: StepCorrection.standardWeight)
        }
      }
      for rank in [1, 2, 4] where rank <= largestRank {
        let paper = EditRecipe(method: .paper, rank: .fixed(rank), blocks: start...blocks)
        candidates += [0.5, 1].map { EditCandidate(recipe: paper, strength: $0) }
      }
    }
    return candidates
  }
}
