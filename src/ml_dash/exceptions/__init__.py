"""Every error that ml-dash raises, in one tree.

Two axes. The *severity* says what a failure means and what :func:`ml_dash.handle_error` does with
it; the *domain* says where it happened. A leaf has one of each and, where ml-dash 0.6 let a builtin
escape, that builtin as well, so that ``except`` clauses written for 0.6 go on catching::

    MLDashError                                   (MlDashError: the name of late 0.6 releases)
    |-- CriticalError                             always raised
    |   |-- ConfigurationError (ValueError)       what the caller gave cannot be used
    |   |   |-- NoBackendError (TypeError)
    |   |   |-- PrefixError (KeyError, AttributeError)
    |   |   |-- UsageError (TypeError)
    |   |   |-- InvalidValueError (TypeError)
    |   |   |   `-- SerializationError
    |   |   |-- InvalidFileError (FileNotFoundError)
    |   |   `-- MissingDependencyError (ModuleNotFoundError)
    |   |-- NotOpenError [StateError]
    |   |   `-- ClosedExperimentError
    |   |-- RunOpenError [StateError]
    |   |-- RunCopiedError [StateError]
    |   |-- WriteProtectedError [StateError]
    |   |-- CorruptDataError [StoreError] (json.JSONDecodeError)
    |   |   `-- ChecksumMismatchError
    |   |-- TokenStoreError [StoreError] (OSError, ValueError)
    |   |   `-- DamagedTokensError (CorruptDataError)
    |   |-- AuthenticationError [RemoteClientError]
    |   |   |-- NotAuthenticatedError
    |   |   |-- CredentialsRejectedError
    |   |   |-- MalformedTokenError (ValueError)
    |   |   |-- DeviceCodeExpiredError
    |   |   |-- AuthorizationDeniedError
    |   |   `-- TokenExchangeError
    |   |-- PermissionDeniedError [RemoteClientError] (PermissionError)
    |   `-- ServerUnreachableError [RemoteClientError] (ConnectionError)
    |-- DataLossError                             something accepted could be lost
    |   |-- LocalWriteError [StoreError] (OSError)
    |   |-- FileUploadError [FileAccessError] (OSError)
    |   |-- UnsummarizedBufferError [StateError]
    |   |-- ShutdownIncompleteError [StateError] (TimeoutError)
    |   |-- RemoteRejectedError [RemoteClientError]
    |   `-- PartialAcceptError [RemoteClientError] (ValueError)
    `-- RecoverableError                          will be retried or can be worked around
        |-- NetworkError [RemoteClientError] (ConnectionError)
        |   `-- RequestTimeoutError (TimeoutError)
        |-- DeliveryTimeoutError [RemoteClientError] (TimeoutError)
        |-- RateLimitedError [RemoteClientError]
        |-- ServerError [RemoteClientError]
        |-- InvalidResponseError [RemoteClientError] (ValueError, TypeError,
        |   |                                         KeyError, AttributeError)
        |   `-- GraphQLError
        |-- NotFoundError (LookupError)
        |   |-- RemoteNotFoundError [RemoteClientError]
        |   |   `-- ProjectNotFoundError, NamespaceNotFoundError (ConfigurationError's ValueError)
        |   |-- ExperimentFileNotFoundError [FileAccessError] (FileNotFoundError, ValueError)
        |   `-- MetricNotFoundError, TrackNotFoundError [StoreError] (FileNotFoundError)
        |-- FileReadError [FileAccessError] (OSError)
        |-- AmbiguousFileError [FileAccessError] (ValueError)
        |-- StatusUpdateError [StateError]
        |-- CleanupError (OSError)
        `-- ConsoleEchoError (OSError)

    Domains (mixins): RemoteClientError, FileAccessError, StoreError (StorageError), StateError
    (ExperimentError), ConfigurationError, TokenStoreError.
    Warnings: MLDashWarning -> DataLossWarning (RuntimeWarning), RecoverableWarning (UserWarning),
    MLDashDeprecationWarning (DeprecationWarning).

Each class says when it is raised, what is kept, and the remedy; ``docs/errors.md`` is made from
that. This package imports nothing but the standard library.
"""

from __future__ import annotations

from ml_dash.exceptions.base import (
    ConfigurationError,
    CriticalError,
    DataLossError,
    ExperimentError,
    FileAccessError,
    MLDashError,
    MlDashError,
    RecoverableError,
    RemoteClientError,
    StateError,
    StorageError,
    StoreError,
)
from ml_dash.exceptions.local import (
    AmbiguousFileError,
    ChecksumMismatchError,
    CleanupError,
    ClosedExperimentError,
    ConsoleEchoError,
    CorruptDataError,
    DamagedTokensError,
    ExperimentFileNotFoundError,
    FileReadError,
    FileUploadError,
    InvalidFileError,
    InvalidValueError,
    LocalWriteError,
    MetricNotFoundError,
    MissingDependencyError,
    NoBackendError,
    NotFoundError,
    NotOpenError,
    PrefixError,
    RunCopiedError,
    RunOpenError,
    SerializationError,
    ShutdownIncompleteError,
    StatusUpdateError,
    TokenStoreError,
    TrackNotFoundError,
    UnsummarizedBufferError,
    UsageError,
    WriteProtectedError,
)
from ml_dash.exceptions.remote import (
    AuthenticationError,
    AuthorizationDeniedError,
    CredentialsRejectedError,
    DeliveryTimeoutError,
    DeviceCodeExpiredError,
    GraphQLError,
    InvalidResponseError,
    MalformedTokenError,
    NamespaceNotFoundError,
    NetworkError,
    NotAuthenticatedError,
    PartialAcceptError,
    PermissionDeniedError,
    ProjectNotFoundError,
    RateLimitedError,
    RemoteNotFoundError,
    RemoteRejectedError,
    RequestTimeoutError,
    ServerError,
    ServerUnreachableError,
    TokenExchangeError,
)
from ml_dash.exceptions.warnings import (
    DataLossWarning,
    MLDashDeprecationWarning,
    MLDashWarning,
    RecoverableWarning,
)

__all__ = [
    "AmbiguousFileError",
    "AuthenticationError",
    "AuthorizationDeniedError",
    "ChecksumMismatchError",
    "CleanupError",
    "ClosedExperimentError",
    "ConfigurationError",
    "ConsoleEchoError",
    "CorruptDataError",
    "CredentialsRejectedError",
    "MalformedTokenError",
    "DamagedTokensError",
    "CriticalError",
    "DataLossError",
    "DataLossWarning",
    "DeliveryTimeoutError",
    "DeviceCodeExpiredError",
    "ExperimentError",
    "ExperimentFileNotFoundError",
    "FileAccessError",
    "FileReadError",
    "FileUploadError",
    "GraphQLError",
    "InvalidFileError",
    "InvalidResponseError",
    "InvalidValueError",
    "LocalWriteError",
    "MLDashDeprecationWarning",
    "MLDashError",
    "MLDashWarning",
    "MetricNotFoundError",
    "MissingDependencyError",
    "MlDashError",
    "NamespaceNotFoundError",
    "NetworkError",
    "NoBackendError",
    "NotAuthenticatedError",
    "NotFoundError",
    "NotOpenError",
    "PartialAcceptError",
    "PermissionDeniedError",
    "PrefixError",
    "ProjectNotFoundError",
    "RateLimitedError",
    "RecoverableError",
    "RecoverableWarning",
    "RemoteClientError",
    "RemoteNotFoundError",
    "RemoteRejectedError",
    "RequestTimeoutError",
    "RunCopiedError",
    "RunOpenError",
    "SerializationError",
    "ServerError",
    "ServerUnreachableError",
    "ShutdownIncompleteError",
    "StateError",
    "StatusUpdateError",
    "StorageError",
    "StoreError",
    "TokenExchangeError",
    "TokenStoreError",
    "TrackNotFoundError",
    "UnsummarizedBufferError",
    "UsageError",
    "WriteProtectedError",
]
