/** What can go wrong, by the names that Python's gameagent_sdk has for it. */

class SdkError extends Error {
  name = this.constructor.name;
}

/** The file is not a usable bundle: missing, damaged, changed after export, or not what its manifest says. */
class BundleError extends SdkError {}

/** The bundle's manifest is missing, of another schema version, or has a missing or mistyped field. */
class ManifestError extends BundleError {}

/** A value handed in has the wrong length, type or range, or is not finite. */
class InputError extends SdkError {}

/** A call came out of order, such as act before beginTrial. */
class CallOrderError extends SdkError {}

/** A saved mind cannot be written, or read into this agent. */
class MindError extends SdkError {}

export { BundleError, CallOrderError, InputError, ManifestError, MindError, SdkError };
