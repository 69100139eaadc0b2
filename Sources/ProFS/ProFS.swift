// The product's one import: what a Swift program may use of the system.
@_exported public import Editing
@_exported public import Evaluation
@_exported public import PreferenceData
@_exported public import SubspaceEditing
