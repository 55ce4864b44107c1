//! What can go wrong, as one closed set, and what each kind means to callers, to the router and to metrics.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

/// Why a request or an attempt failed. Whose fault it is comes first: the caller's, a policy's, a provider's, ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller's body or parameters are wrong.
    InvalidRequest,
    /// The chosen target's format cannot express what was asked, and the model is `strict`.
    Unsupported,
    /// No key, or an unknown one.
    Unauthenticated,
    /// The key may not do this.
    Forbidden,
    /// No such route or thing.
    NotFound,
    /// No such model.
    ModelNotFound,
    /// The route exists, not with this method.
    MethodNotAllowed,
    /// The body is larger than allowed.
    TooLarge,
    /// The caller's body did not come in time.
    RequestTimeout,
    /// The prompt does not fit the model's context window.
    ContextLengthExceeded,
    /// A provider's filter refused the prompt.
    ContentFilter,
    /// Too many requests or tokens in a window of ours.
    RateLimited,
    /// The budget is spent.
    BudgetExceeded,
    /// A guardrail of ours refused.
    GuardrailDenied,
    /// A guardrail of ours refused the answer, and wants another target's.
    AnswerRejected,
    /// Only a cached answer would have done, and there is none.
    CacheMiss,
    /// The provider says too many requests.
    UpstreamRateLimited,
    /// The provider is down or overloaded: 5xx, 529, 408, 409, 425.
    UpstreamUnavailable,
    /// The provider could not be reached or hung up.
    UpstreamNetwork,
    /// The provider did not answer in time.
    UpstreamTimeout,
    /// The provider did not send its first token in time.
    FirstTokenTimeout,
    /// The provider refused our credential, or there is none.
    UpstreamCredentials,
    /// The provider does not know the model.
    UpstreamModelNotFound,
    /// The provider's answer cannot be read.
    UpstreamInvalid,
    /// The provider's answer stopped before its end.
    UpstreamTruncated,
    /// A store of ours does not answer.
    StoreUnavailable,
    /// A fault of ours, or of the configuration.
    Internal,
}

/// What the router may do about a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing: the next target would say the same, or must not be asked.
    Never,
    /// Ask the next target, not this one again.
    NextTarget,
    /// Ask this target again if tries are left, then the next.
    SameTarget,
}

/// The classes of failure that `retry.on` names in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryClass {
    /// `rate_limited`
    RateLimited,
    /// `unavailable`
    Unavailable,
    /// `timeout`
    Timeout,
    /// `network`
    Network,
}

impl ErrorKind {
    /// The HTTP status the caller sees.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest
            | Self::Unsupported
            | Self::ContextLengthExceeded
            | Self::ContentFilter
            | Self::GuardrailDenied
            | Self::AnswerRejected => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::ModelNotFound | Self::UpstreamModelNotFound | Self::CacheMiss => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::TooLarge => 413,
            Self::RateLimited | Self::BudgetExceeded | Self::UpstreamRateLimited => 429,
            Self::Internal => 500,
            Self::UpstreamNetwork
            | Self::UpstreamCredentials
            | Self::UpstreamInvalid
            | Self::UpstreamTruncated => 502,
            Self::UpstreamUnavailable | Self::StoreUnavailable => 503,
            Self::UpstreamTimeout | Self::FirstTokenTimeout => 504,
        }
    }

    /// The word for it in `error.code`, in records and in metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unsupported => "unsupported",
            Self::Unauthenticated => "invalid_api_key",
            Self::Forbidden => "permission_denied",
            Self::NotFound => "not_found",
            Self::ModelNotFound | Self::UpstreamModelNotFound => "model_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "request_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::ContextLengthExceeded => "context_length_exceeded",
            Self::ContentFilter | Self::GuardrailDenied | Self::AnswerRejected => "content_filter",
            Self::RateLimited | Self::UpstreamRateLimited => "rate_limit_exceeded",
            Self::BudgetExceeded => "insufficient_quota",
            Self::CacheMiss => "cache_miss",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamNetwork => "upstream_network",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::FirstTokenTimeout => "first_token_timeout",
            Self::UpstreamCredentials => "upstream_credentials",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::UpstreamTruncated => "stream_truncated",
            Self::StoreUnavailable => "store_unavailable",
            Self::Internal => "internal_error",
        }
    }

    /// `error.type` in OpenAI's shape.
    pub fn openai_type(self) -> &'static str {
        match self.status() {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 if self == Self::BudgetExceeded => "insufficient_quota",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            500 => "server_error",
            _ => "upstream_error",
        }
    }

    /// `error.type` in Anthropic's shape.
    pub fn anthropic_type(self) -> &'static str {
        match self {
            Self::UpstreamUnavailable | Self::StoreUnavailable => "overloaded_error",
            Self::UpstreamTimeout | Self::FirstTokenTimeout | Self::RequestTimeout => "timeout_error",
            _ => match self.status() {
                401 => "authentication_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                400..=499 => "invalid_request_error",
                _ => "api_error",
            },
        }
    }

    /// What the router may do about it.
    pub fn retry(self) -> Retry {
        match self {
            Self::UpstreamRateLimited
            | Self::UpstreamUnavailable
            | Self::UpstreamNetwork
            | Self::UpstreamTimeout
            | Self::FirstTokenTimeout
            | Self::UpstreamInvalid
            | Self::UpstreamTruncated => Retry::SameTarget,
            Self::Unsupported
            | Self::UpstreamCredentials
            | Self::UpstreamModelNotFound
            | Self::AnswerRejected
            | Self::ContextLengthExceeded => Retry::NextTarget,
            Self::InvalidRequest
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::NotFound
            | Self::ModelNotFound
            | Self::MethodNotAllowed
            | Self::TooLarge
            | Self::RequestTimeout
            | Self::ContentFilter
            | Self::RateLimited
            | Self::BudgetExceeded
            | Self::GuardrailDenied
            | Self::CacheMiss
            | Self::StoreUnavailable
            | Self::Internal => Retry::Never,
        }
    }

    /// The class `retry.on` knows it by; `None` for what is never tried again at the same target.
    pub fn retry_class(self) -> Option<RetryClass> {
        match self {
            Self::UpstreamRateLimited => Some(RetryClass::RateLimited),
            Self::UpstreamUnavailable | Self::UpstreamInvalid => Some(RetryClass::Unavailable),
            Self::UpstreamTimeout | Self::FirstTokenTimeout => Some(RetryClass::Timeout),
            Self::UpstreamNetwork | Self::UpstreamTruncated => Some(RetryClass::Network),
            _ => None,
        }
    }

    /// Whether a caller's SDK may send the same request again by itself. A gateway that has spent its own attempts
    /// says no, or every outage is multiplied; so does a policy whose answer will not change in seconds.
    pub fn caller_may_retry(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::UpstreamRateLimited | Self::StoreUnavailable | Self::RequestTimeout
        )
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A failure: its kind and what to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: ErrorKind,
    /// What to fix, lower case, without a full stop; a provider's own message where there is one. Never a prompt,
    /// an answer or a secret.
    pub message: String,
    /// The member of the request that is wrong.
    pub param: Option<String>,
    /// How long to wait before the next try, as the provider or a limit of ours says.
    pub retry_after: Option<Duration>,
    /// Whether what failed is the provider's key, not the provider, and it can be asked with another.
    pub other_key: bool,
}

impl Failure {
    /// A failure of `kind` with a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, retry_after: None, other_key: false }
    }

    /// The caller's request is wrong: `param`, and what of it, such as `is required`. The message names both.
    pub fn invalid(param: impl Into<String>, predicate: impl fmt::Display) -> Self {
        let param = param.into();
        let message = format!("`{param}` {predicate}");
        Self { param: Some(param), ..Self::new(ErrorKind::InvalidRequest, message) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}

/// One failed call to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The target, as `provider/model`.
    pub target: String,
    /// Why it failed, by its code.
    #[serde(rename = "error")]
    pub kind: ErrorKind,
}
