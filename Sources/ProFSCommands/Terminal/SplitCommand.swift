internal import ArgumentParser
internal import Kernels

/// A command that all processes of mpirun run together, each on its share of the texts; of any other command the first
/// process does all of the work.
///
/// Only the first process writes files and speaks; see ``Console``.
protocol SplitCommand: ParsableCommand {}
