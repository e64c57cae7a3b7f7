"""What can go wrong, by name. Every message says what was given, what was expected and what to do."""


class SdkError(Exception):
    """Any error that this SDK raises on purpose."""


class BundleError(SdkError):
    """The file is no usable bundle: missing, damaged, changed after export, or not what its manifest says."""


class ManifestError(BundleError):
    """The bundle's manifest is missing, of another schema version, or has a missing or mistyped field."""


class InputError(SdkError, ValueError):
    """A value handed in has the wrong shape, type or range, or is not finite. The agent is left unchanged."""


class CallOrderError(SdkError, RuntimeError):
    """A call came out of order, such as ``act`` before ``begin_trial``. The agent is left unchanged."""


class MindError(SdkError):
    """A saved mind cannot be written, or read into this agent. The agent is left unchanged."""


class MissingBackend(SdkError, ImportError):
    """The engine that runs bundles is not installed."""
