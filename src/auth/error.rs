//! Every refusal of this dialect: one table, and the two shapes in which it is told.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use tokio_postgres::error::DbError;

use super::password::Weakness;
use crate::http::OutboundError;
use crate::identity::Revocation;
use crate::{identity, pg};

/// How long one request may take.
const BUDGET: Duration = Duration::from_secs(10);

const VERSION_HEADER: HeaderName = HeaderName::from_static("x-supabase-api-version");
const CODE_HEADER: HeaderName = HeaderName::from_static("x-sb-error-code");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The first version with the new shape, and the only one so far.
const NEW_SHAPE: &str = "2024-01-01";

/// An error that is logged with all that caused it.
type Cause<'a> = &'a (dyn std::error::Error + 'static);

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Error {
    /// The body is no JSON object of the expected fields; what is wrong with it.
    BadJson(String),
    /// The request makes no sense as it is; why.
    Invalid(&'static str),
    /// The same about a value that the person sees again in the message.
    InvalidValue(String),
    BodyTooLarge,
    TooSlow,
    NoSuchPath,
    WrongMethod,
    /// `refresh_token` is not there at all, which OAuth has its own shape for.
    RefreshTokenMissing,
    NoBearer,
    /// Why the token was refused.
    BadToken(String),
    SubjectMissing,
    SubjectNotUuid,
    CallerGone,
    SessionGone,
    CallerBanned,
    NotAdmin,
    AdminOnly(&'static str),
    SignupDisabled,
    AnonymousDisabled,
    PhoneDisabled,
    WeakPassword(Weakness),
    UserAlreadyExists,
    EmailExists,
    SamePassword,
    UnsupportedGrant,
    InvalidCredentials,
    EmailNotConfirmed,
    UserBanned,
    RefreshTokenUnknown,
    RefreshTokenUsed,
    SessionExpired,
    RefreshRace,
    IdNotUuid,
    // limits
    /// How many seconds to wait.
    OverRequestRate(u32),
    /// Why the service thinks that no person asks.
    CaptchaFailed(String),
    // hooks
    HookTimeout,
    HookClaims,
    /// In the words of the hook.
    HookRefused {
        status: StatusCode,
        message: String,
    },
    PasswordRefused(String),
    PasswordBeforeName,
    // sessions
    SessionIdNotUuid,
    SessionUnknown,
    UserNotFound,
    // one-time tokens, mail and texts
    /// In the words of the door that was tried: a code or a link.
    OtpExpired(&'static str),
    OtpDisabled,
    MailTooSoon(TooSoon),
    SmsTooSoon(TooSoon),
    FlowNotFound,
    FlowExpired,
    BadCodeVerifier,
    ReauthenticationNeeded,
    ReauthenticationNotValid,
    PhoneExists,
    PhoneNotConfirmed,
    /// The request makes sense, but not for this account; why.
    Unprocessable(&'static str),
    // Second factors and passkeys
    TotpEnrollDisabled,
    PhoneEnrollDisabled,
    WebauthnEnrollDisabled,
    RecoveryCodesDisabled,
    TotpVerifyDisabled,
    PhoneVerifyDisabled,
    WebauthnVerifyDisabled,
    RecoveryVerifyDisabled,
    AnonymousCaller,
    SsoManaged(&'static str),
    TooManyFactors,
    FactorNameTaken(String),
    FactorIdNotUuid,
    FactorNotFound,
    ChallengeNotFound,
    ChallengeExpired(String),
    ChallengeAddress,
    WrongTotp,
    WrongPhoneCode,
    WrongKey,
    WrongRecoveryCode,
    /// How many seconds to wait.
    FactorRests(i64),
    PhoneFactorExists,
    /// In the words of the hook.
    FactorRejected(String),
    /// How many seconds to wait.
    RecoveryCodesRest(i64),
    RecoveryCodesExist,
    RecoveryCodesAlone,
    LevelToEnroll,
    LevelToUnenroll,
    LevelToChange,
    LevelForRecoveryCodes,
    LevelForPasskeys,
    PasskeysDisabled,
    TooManyPasskeys,
    PasskeyIdNotUuid,
    PasskeyNotFound,
    PasskeyExists,
    PasskeyChallengeNotFound,
    PasskeyChallengeExpired,
    PasskeyRefused,
    // oauth
    /// Why an id_token does not count, in the shape that OAuth has for it.
    IdToken(&'static str),
    IdTokenNonce,
    Web3Disabled(&'static str),
    Web3Chain,
    SamlDisabled,
    SamlRelayStateNotFound,
    SamlRelayStateExpired,
    SamlIdpNotFound,
    SamlIdpExists,
    SamlNoSubject,
    SamlNoEmail,
    SamlMetadataFetch(String),
    SamlEntityIdMismatch(String),
    SsoProviderNotFound(&'static str),
    SsoDomainExists,
    SsoResourceIdExists,
    /// In the words of the provider.
    ProviderSaid {
        name: String,
        description: String,
    },
    /// A provider does not answer as it should; what could not be done, and why if we know.
    ProviderFailed(&'static str, Option<Box<OutboundError>>),
    ProviderDisabled(String),
    ProviderEmailUnverified(String),
    BadOAuthCallback(&'static str),
    BadOAuthState(&'static str),
    MultipleAccounts,
    ManualLinkingDisabled,
    IdentityExists(&'static str),
    IdentityNotFound,
    IdentityEmailConflict,
    SingleIdentity,
    /// A path names something that cannot be.
    NotFoundInvalid(&'static str),
    CustomProviderNotFound,
    CustomProviderExists,
    TooManyCustomProviders,
    // oauth server
    /// An OAuth client acts where only the person may.
    ClientCaller,
    ClientNotFound,
    AuthorizationNotFound,
    ConsentNotFound,
    RegistrationDisabled,
    LevelToConsent,
    // What OAuth has its own words and shape for; why.
    OAuthRequest(&'static str),
    OAuthCredentials(&'static str),
    InvalidGrant(&'static str),
    OAuthClientMayNot(&'static str),
    OAuthGrantType(&'static str),
    OAuthResponseType(&'static str),
    OAuthScope(&'static str),
    OAuthTarget(&'static str),
    OAuthDenied(&'static str),
    OAuthInteraction(&'static str),
    OAuthMetadata(&'static str),
    OAuthRedirectUri(&'static str),
    OAuthToken(&'static str),
    /// A trigger or constraint of the people who run the server said no.
    Rule(Box<Rule>),
    /// The database cannot answer now.
    Unavailable(pg::Error),
    /// A fault of the set-up or of this program.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// A panic, which is logged where it happens.
    Panicked,
}

/// A refusal to write to somebody again already.
#[derive(Debug)]
pub(super) struct TooSoon {
    message: String,
    seconds: i64,
}

impl TooSoon {
    /// What was sent can be sent again after so many seconds.
    pub(super) fn new(seconds: i64) -> Self {
        let message =
            format!("For security purposes, you can only request this after {seconds} seconds.");
        Self { message, seconds }
    }
}

/// A refusal in the words of whoever wrote the rule.
#[derive(Debug)]
pub(super) struct Rule {
    status: StatusCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Error {
    /// A provider does not answer as it should.
    pub(super) fn provider_failed(what: &'static str) -> Self {
        Self::ProviderFailed(what, None)
    }

    /// A provider cannot be asked.
    pub(super) fn provider_unreachable(why: OutboundError) -> Self {
        Self::ProviderFailed("The provider could not be reached", Some(Box::new(why)))
    }

    /// Somebody else signs in with the identity.
    pub(super) fn identity_taken() -> Self {
        Self::IdentityExists("Identity is already linked to another user")
    }

    /// Whether OAuth has its own shape for it, whatever version a client asks for.
    fn is_in_words_of_oauth(&self) -> bool {
        matches!(
            self,
            Self::RefreshTokenMissing
                | Self::IdToken(_)
                | Self::IdTokenNonce
                | Self::InvalidGrant(_)
                | Self::OAuthRequest(_)
                | Self::OAuthCredentials(_)
                | Self::OAuthClientMayNot(_)
                | Self::OAuthGrantType(_)
                | Self::OAuthResponseType(_)
                | Self::OAuthScope(_)
                | Self::OAuthTarget(_)
                | Self::OAuthDenied(_)
                | Self::OAuthInteraction(_)
                | Self::OAuthMetadata(_)
                | Self::OAuthRedirectUri(_)
                | Self::OAuthToken(_)
        )
    }

    /// Status, code and message, for a link that leads on with them.
    pub(super) fn told(&self) -> (StatusCode, &str, &str) {
        self.row()
    }

    /// The table: status, code, message.
    #[rustfmt::skip] // one line a row
    fn row(&self) -> (StatusCode, &str, &str) {
        use StatusCode as S;
        match self {
            Self::BadJson(why) => (S::BAD_REQUEST, "bad_json", why),
            Self::Invalid(why) => (S::BAD_REQUEST, "validation_failed", why),
            Self::InvalidValue(why) => (S::BAD_REQUEST, "validation_failed", why),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "request_entity_too_large", "Request body is larger than 1 MiB"),
            Self::TooSlow => (S::GATEWAY_TIMEOUT, "request_timeout", "Processing this request timed out, please retry after a moment."),
            Self::NoSuchPath => (S::NOT_FOUND, "feature_disabled", "This server does not offer this endpoint"),
            Self::WrongMethod => (S::METHOD_NOT_ALLOWED, "feature_disabled", "This endpoint does not offer this method"),
            Self::RefreshTokenMissing => (S::BAD_REQUEST, "invalid_request", "refresh_token required"),
            Self::NoBearer => (S::UNAUTHORIZED, "no_authorization", "This endpoint requires a valid Bearer token"),
            Self::BadToken(why) => (S::FORBIDDEN, "bad_jwt", why),
            Self::SubjectMissing => (S::FORBIDDEN, "bad_jwt", "invalid claim: missing sub claim"),
            Self::SubjectNotUuid => (S::BAD_REQUEST, "bad_jwt", "invalid claim: sub claim must be a UUID"),
            Self::CallerGone => (S::FORBIDDEN, "user_not_found", "User from sub claim in JWT does not exist"),
            Self::SessionGone => (S::FORBIDDEN, "session_not_found", "Session from session_id claim in JWT does not exist"),
            Self::CallerBanned => (S::FORBIDDEN, "user_banned", "User is banned"),
            Self::NotAdmin => (S::FORBIDDEN, "not_admin", "User not allowed"),
            Self::AdminOnly(why) => (S::FORBIDDEN, "not_admin", why),
            Self::SignupDisabled => (S::UNPROCESSABLE_ENTITY, "signup_disabled", "Signups not allowed for this instance"),
            Self::AnonymousDisabled => (S::UNPROCESSABLE_ENTITY, "anonymous_provider_disabled", "Anonymous sign-ins are disabled"),
            Self::PhoneDisabled => (S::BAD_REQUEST, "phone_provider_disabled", "Phone numbers are not supported by this server"),
            Self::WeakPassword(why) => (S::UNPROCESSABLE_ENTITY, "weak_password", &why.message),
            Self::UserAlreadyExists => (S::UNPROCESSABLE_ENTITY, "user_already_exists", "User already registered"),
            Self::EmailExists => (S::UNPROCESSABLE_ENTITY, "email_exists", "A user with this email address has already been registered"),
            Self::SamePassword => (S::UNPROCESSABLE_ENTITY, "same_password", "New password should be different from the old password."),
            Self::UnsupportedGrant => (S::BAD_REQUEST, "invalid_credentials", "unsupported_grant_type"),
            Self::InvalidCredentials => (S::BAD_REQUEST, "invalid_credentials", "Invalid login credentials"),
            Self::EmailNotConfirmed => (S::BAD_REQUEST, "email_not_confirmed", "Email not confirmed"),
            Self::UserBanned => (S::BAD_REQUEST, "user_banned", "User is banned"),
            Self::RefreshTokenUnknown => (S::BAD_REQUEST, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"),
            Self::RefreshTokenUsed => (S::BAD_REQUEST, "refresh_token_already_used", "Invalid Refresh Token: Already Used"),
            Self::SessionExpired => (S::BAD_REQUEST, "session_expired", "Invalid Refresh Token: Session Expired"),
            Self::RefreshRace => (S::CONFLICT, "conflict", "Too many concurrent token refresh requests on the same session or refresh token"),
            Self::IdNotUuid => (S::NOT_FOUND, "validation_failed", "user_id must be an UUID"),
            Self::OverRequestRate(_) => (S::TOO_MANY_REQUESTS, "over_request_rate_limit", "Request rate limit reached"),
            Self::PasswordBeforeName => (S::UNPROCESSABLE_ENTITY, "validation_failed", "Updating password of an anonymous user without an email or phone is not allowed"),
            Self::HookTimeout => (S::UNPROCESSABLE_ENTITY, "hook_timeout", "Failed to reach hook within maximum time of 2.000000 seconds"),
            Self::CaptchaFailed(why) => (S::BAD_REQUEST, "captcha_failed", why),
            Self::HookClaims => (S::INTERNAL_SERVER_ERROR, "unexpected_failure", "output claims do not conform to the expected schema"),
            Self::HookRefused { status, message } if status.is_server_error() => (*status, "unexpected_failure", message),
            Self::HookRefused { status, message } => (*status, "unknown", message),
            Self::PasswordRefused(why) => (S::BAD_REQUEST, "invalid_credentials", why),
            Self::SessionIdNotUuid => (S::NOT_FOUND, "validation_failed", "session_id must be an UUID"),
            Self::SessionUnknown => (S::NOT_FOUND, "session_not_found", "Session not found"),
            Self::UserNotFound => (S::NOT_FOUND, "user_not_found", "User not found"),
            Self::OtpExpired(why) => (S::FORBIDDEN, "otp_expired", why),
            Self::OtpDisabled => (S::UNPROCESSABLE_ENTITY, "otp_disabled", "Signups not allowed for otp"),
            Self::MailTooSoon(told) => (S::TOO_MANY_REQUESTS, "over_email_send_rate_limit", &told.message),
            Self::SmsTooSoon(told) => (S::TOO_MANY_REQUESTS, "over_sms_send_rate_limit", &told.message),
            Self::FlowNotFound => (S::NOT_FOUND, "flow_state_not_found", "invalid flow state, no valid flow state found"),
            Self::FlowExpired => (S::UNPROCESSABLE_ENTITY, "flow_state_expired", "invalid flow state, flow state has expired"),
            Self::BadCodeVerifier => (S::BAD_REQUEST, "bad_code_verifier", "code challenge does not match previously saved code verifier"),
            Self::ReauthenticationNeeded => (S::BAD_REQUEST, "reauthentication_needed", "Password update requires reauthentication"),
            Self::ReauthenticationNotValid => (S::UNPROCESSABLE_ENTITY, "reauthentication_not_valid", "Nonce has expired or is invalid"),
            Self::PhoneExists => (S::UNPROCESSABLE_ENTITY, "phone_exists", "A user with this phone number has already been registered"),
            Self::PhoneNotConfirmed => (S::BAD_REQUEST, "phone_not_confirmed", "Phone not confirmed"),
            Self::Unprocessable(why) => (S::UNPROCESSABLE_ENTITY, "validation_failed", why),
            // Second factors and passkeys
            Self::TotpEnrollDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP"),
            Self::PhoneEnrollDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone"),
            Self::WebauthnEnrollDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn"),
            Self::RecoveryCodesDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_recovery_codes_enroll_not_enabled", "MFA enroll is disabled for recovery codes"),
            Self::TotpVerifyDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP"),
            Self::PhoneVerifyDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_phone_verify_not_enabled", "MFA verification is disabled for Phone"),
            Self::WebauthnVerifyDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_webauthn_verify_not_enabled", "MFA verification is disabled for WebAuthn"),
            Self::RecoveryVerifyDisabled => (S::UNPROCESSABLE_ENTITY, "mfa_recovery_codes_verify_not_enabled", "MFA verification is disabled for recovery codes"),
            Self::AnonymousCaller => (S::FORBIDDEN, "no_authorization", "Anonymous user not allowed to perform these actions"),
            Self::SsoManaged(why) => (S::UNPROCESSABLE_ENTITY, "user_sso_managed", why),
            Self::TooManyFactors => (S::UNPROCESSABLE_ENTITY, "too_many_enrolled_mfa_factors", "Maximum number of verified factors reached, unenroll to continue"),
            Self::FactorNameTaken(why) => (S::UNPROCESSABLE_ENTITY, "mfa_factor_name_conflict", why),
            Self::FactorIdNotUuid => (S::NOT_FOUND, "validation_failed", "factor_id must be an UUID"),
            Self::FactorNotFound => (S::NOT_FOUND, "mfa_factor_not_found", "Factor not found"),
            Self::ChallengeNotFound => (S::NOT_FOUND, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found"),
            Self::ChallengeExpired(why) => (S::UNPROCESSABLE_ENTITY, "mfa_challenge_expired", why),
            Self::ChallengeAddress => (S::UNPROCESSABLE_ENTITY, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch"),
            Self::WrongTotp => (S::UNPROCESSABLE_ENTITY, "mfa_verification_failed", "Invalid TOTP code entered"),
            Self::WrongPhoneCode => (S::UNPROCESSABLE_ENTITY, "mfa_verification_failed", "Invalid MFA Phone code entered"),
            Self::WrongKey => (S::UNPROCESSABLE_ENTITY, "mfa_verification_failed", "Invalid WebAuthn response"),
            Self::WrongRecoveryCode => (S::UNPROCESSABLE_ENTITY, "mfa_verification_failed", "Invalid recovery code entered"),
            Self::PhoneFactorExists => (S::UNPROCESSABLE_ENTITY, "mfa_verified_factor_exists", "A verified phone factor already exists, unenroll the existing factor to continue"),
            Self::FactorRests(_) => (S::TOO_MANY_REQUESTS, "over_request_rate_limit", "Too many wrong codes for this factor, try again later"),
            Self::FactorRejected(why) => (S::FORBIDDEN, "mfa_verification_rejected", why),
            Self::RecoveryCodesRest(_) => (S::TOO_MANY_REQUESTS, "mfa_recovery_codes_locked", "Too many wrong recovery codes, try again later"),
            Self::RecoveryCodesExist => (S::UNPROCESSABLE_ENTITY, "mfa_verified_factor_exists", "Recovery codes already exist, regenerate them to get new ones"),
            Self::RecoveryCodesAlone => (S::UNPROCESSABLE_ENTITY, "mfa_recovery_codes_sole_factor", "Recovery codes need another verified factor"),
            Self::LevelToEnroll => (S::FORBIDDEN, "insufficient_aal", "AAL2 required to enroll a new factor"),
            Self::LevelToUnenroll => (S::UNPROCESSABLE_ENTITY, "insufficient_aal", "AAL2 required to unenroll verified factor"),
            Self::LevelToChange => (S::UNAUTHORIZED, "insufficient_aal", "AAL2 session is required to update email or password when MFA is enabled."),
            Self::LevelForRecoveryCodes => (S::FORBIDDEN, "insufficient_aal", "AAL2 required to make recovery codes"),
            Self::LevelForPasskeys => (S::FORBIDDEN, "insufficient_aal", "AAL2 required to change passkeys"),
            Self::PasskeysDisabled => (S::NOT_FOUND, "passkey_disabled", "Passkeys are disabled"),
            Self::TooManyPasskeys => (S::UNPROCESSABLE_ENTITY, "too_many_passkeys", "Maximum number of passkeys reached, delete one to continue"),
            Self::PasskeyIdNotUuid => (S::NOT_FOUND, "validation_failed", "passkey_id must be an UUID"),
            Self::PasskeyNotFound => (S::NOT_FOUND, "webauthn_credential_not_found", "Passkey not found"),
            Self::PasskeyExists => (S::UNPROCESSABLE_ENTITY, "webauthn_credential_exists", "This passkey is already registered"),
            Self::PasskeyChallengeNotFound => (S::BAD_REQUEST, "webauthn_challenge_not_found", "WebAuthn challenge not found"),
            Self::PasskeyChallengeExpired => (S::BAD_REQUEST, "webauthn_challenge_expired", "WebAuthn challenge has expired"),
            Self::PasskeyRefused => (S::BAD_REQUEST, "webauthn_verification_failed", "WebAuthn verification failed"),
            Self::IdToken(why) => (S::BAD_REQUEST, "invalid request", why),
            Self::IdTokenNonce => (S::BAD_REQUEST, "invalid nonce", "Nonces mismatch"),
            Self::Web3Disabled(why) => (S::UNPROCESSABLE_ENTITY, "web3_provider_disabled", why),
            Self::Web3Chain => (S::BAD_REQUEST, "web3_unsupported_chain", "Unsupported chain"),
            Self::InvalidGrant(why) => (S::BAD_REQUEST, "invalid_grant", why),
            Self::SamlDisabled => (S::NOT_FOUND, "saml_provider_disabled", "SAML 2.0 is disabled"),
            Self::SamlRelayStateNotFound => (S::NOT_FOUND, "saml_relay_state_not_found", "SAML RelayState does not exist, try logging in again?"),
            Self::SamlRelayStateExpired => (S::UNPROCESSABLE_ENTITY, "saml_relay_state_expired", "SAML RelayState has expired. Try logging in again?"),
            Self::SamlIdpNotFound => (S::NOT_FOUND, "saml_idp_not_found", "A SAML connection has not been established with this Identity Provider"),
            Self::SamlIdpExists => (S::UNPROCESSABLE_ENTITY, "saml_idp_already_exists", "SAML Identity Provider with this EntityID already exists"),
            Self::SamlNoSubject => (S::BAD_REQUEST, "saml_assertion_no_user_id", "SAML Assertion did not contain a persistent Subject Identifier attribute or Subject NameID uniquely identifying this user"),
            Self::SamlNoEmail => (S::BAD_REQUEST, "saml_assertion_no_email", "SAML Assertion does not contain an email address"),
            Self::SamlMetadataFetch(why) => (S::BAD_REQUEST, "saml_metadata_fetch_failed", why),
            Self::SamlEntityIdMismatch(why) => (S::BAD_REQUEST, "saml_entity_id_mismatch", why),
            Self::SsoProviderNotFound(why) => (S::NOT_FOUND, "sso_provider_not_found", why),
            Self::SsoDomainExists => (S::BAD_REQUEST, "sso_domain_already_exists", "SSO Domain is already assigned to another SSO identity provider"),
            Self::SsoResourceIdExists => (S::BAD_REQUEST, "conflict", "An SSO provider with this resource_id already exists"),
            Self::ProviderSaid { description, .. } => (S::BAD_REQUEST, "", description),
            Self::ProviderFailed(what, _) => (S::INTERNAL_SERVER_ERROR, "unexpected_failure", what),
            Self::ProviderDisabled(why) => (S::BAD_REQUEST, "provider_disabled", why),
            Self::ProviderEmailUnverified(why) => (S::UNPROCESSABLE_ENTITY, "provider_email_needs_verification", why),
            Self::BadOAuthCallback(why) => (S::BAD_REQUEST, "bad_oauth_callback", why),
            Self::BadOAuthState(why) => (S::BAD_REQUEST, "bad_oauth_state", why),
            Self::MultipleAccounts => (S::INTERNAL_SERVER_ERROR, "unexpected_failure", "Multiple accounts with the same email address in the same linking domain detected: default"),
            Self::ManualLinkingDisabled => (S::NOT_FOUND, "manual_linking_disabled", "Manual linking is disabled"),
            Self::IdentityExists(why) => (S::UNPROCESSABLE_ENTITY, "identity_already_exists", why),
            Self::IdentityNotFound => (S::UNPROCESSABLE_ENTITY, "identity_not_found", "Identity doesn't exist"),
            Self::IdentityEmailConflict => (S::UNPROCESSABLE_ENTITY, "email_conflict_identity_not_deletable", "Unable to unlink identity due to email conflict"),
            Self::SingleIdentity => (S::UNPROCESSABLE_ENTITY, "single_identity_not_deletable", "User must have at least 1 identity after unlinking"),
            Self::NotFoundInvalid(why) => (S::NOT_FOUND, "validation_failed", why),
            Self::CustomProviderNotFound => (S::NOT_FOUND, "custom_provider_not_found", "Custom OAuth provider not found"),
            Self::CustomProviderExists => (S::BAD_REQUEST, "conflict", "A custom OAuth provider with this identifier already exists"),
            Self::TooManyCustomProviders => (S::BAD_REQUEST, "over_custom_provider_quota", "Maximum number of custom OAuth/OIDC providers reached"),
            Self::ClientCaller => (S::FORBIDDEN, "no_authorization", "OAuth clients may not do this for a person"),
            Self::ClientNotFound => (S::NOT_FOUND, "oauth_client_not_found", "OAuth client not found"),
            Self::AuthorizationNotFound => (S::NOT_FOUND, "oauth_authorization_not_found", "OAuth authorization not found, decided or expired"),
            Self::ConsentNotFound => (S::NOT_FOUND, "oauth_consent_not_found", "OAuth grant not found"),
            Self::RegistrationDisabled => (S::FORBIDDEN, "oauth_dynamic_client_registration_disabled", "Dynamic client registration is disabled"),
            Self::LevelToConsent => (S::FORBIDDEN, "insufficient_aal", "AAL2 required to let an OAuth client in"),
            Self::OAuthRequest(why) => (S::BAD_REQUEST, "invalid_request", why),
            Self::OAuthCredentials(why) => (S::UNAUTHORIZED, "invalid_client", why),
            Self::OAuthClientMayNot(why) => (S::BAD_REQUEST, "unauthorized_client", why),
            Self::OAuthGrantType(why) => (S::BAD_REQUEST, "unsupported_grant_type", why),
            Self::OAuthResponseType(why) => (S::BAD_REQUEST, "unsupported_response_type", why),
            Self::OAuthScope(why) => (S::BAD_REQUEST, "invalid_scope", why),
            Self::OAuthTarget(why) => (S::BAD_REQUEST, "invalid_target", why),
            Self::OAuthDenied(why) => (S::BAD_REQUEST, "access_denied", why),
            Self::OAuthInteraction(why) => (S::BAD_REQUEST, "interaction_required", why),
            Self::OAuthMetadata(why) => (S::BAD_REQUEST, "invalid_client_metadata", why),
            Self::OAuthRedirectUri(why) => (S::BAD_REQUEST, "invalid_redirect_uri", why),
            Self::OAuthToken(why) => (S::UNAUTHORIZED, "invalid_token", why),
            Self::Rule(rule) => (rule.status, rule.code(), &rule.message),
            Self::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "unexpected_failure", "The database is busy or restarting, please retry after a moment."),
            Self::Broken(_) | Self::Panicked => (S::INTERNAL_SERVER_ERROR, "unexpected_failure", "Unexpected failure, please check server logs for more information"),
        }
    }

    /// A line for whoever runs the server, when they should know.
    pub(super) fn log(&self) {
        match self {
            Self::ProviderFailed(what, why) => {
                let error = why.as_deref().map(|why| why as Cause);
                tracing::warn!(what, error, "a provider does not answer as it should");
            }
            Self::Rule(rule) => {
                tracing::info!(words = rule.message, "a rule of the database refused");
            }
            Self::Unavailable(error) => {
                tracing::warn!(error = error as Cause, "the database is unavailable");
            }
            Self::Broken(error) => {
                if let Some(pg::Error::Refused(refused)) = error.downcast_ref() {
                    // What Postgres says in words may repeat the values of a row.
                    let (code, routine) = (refused.code().code(), refused.routine());
                    let (table, constraint) = (refused.table(), refused.constraint());
                    tracing::error!(code, table, constraint, routine, "request failed");
                } else {
                    tracing::error!(error = error.as_ref() as Cause, "request failed");
                }
            }
            _ => {}
        }
    }
}

/// The error goes along inside the answer; [`answer`] puts it in words, because the words depend
/// on the request.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.row().0.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Lets the request be answered within its budget and puts an error in the shape it asks for.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    let shape = Shape::asked_by(request.headers());
    let id = request.headers().get(REQUEST_ID).cloned();
    let response = tokio::time::timeout(BUDGET, next.run(request))
        .await
        .unwrap_or_else(|_| Error::TooSlow.into_response());
    match response.extensions().get::<Arc<Error>>() {
        Some(error) => {
            error.log();
            let mut told = shape.tell(error, id.as_ref());
            if let Some(allowed) = response.headers().get(ALLOW) {
                told.headers_mut().insert(ALLOW, allowed.clone());
            }
            told
        }
        None => response,
    }
}

/// The two shapes of an error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Old,
    New,
}

impl Shape {
    fn asked_by(headers: &HeaderMap) -> Self {
        let version = headers.get(VERSION_HEADER).and_then(|version| version.to_str().ok());
        // Dates written year first compare as text.
        if version.is_some_and(|version| is_date(version) && version >= NEW_SHAPE) {
            Self::New
        } else {
            Self::Old
        }
    }

    fn tell(self, error: &Error, id: Option<&HeaderValue>) -> Response {
        let (status, code, message) = error.row();
        if error.is_in_words_of_oauth() {
            let body = json!({ "error": code, "error_description": message });
            let no_store = [(CACHE_CONTROL, "no-store")];
            let mut response = (status, no_store, Json(body)).into_response();
            let asked = match error {
                Error::OAuthCredentials(_) => Some("Basic realm=\"oauth\""),
                Error::OAuthToken(_) => Some("Bearer error=\"invalid_token\""),
                _ => None,
            };
            if let Some(asked) = asked {
                let asked = HeaderValue::from_static(asked);
                response.headers_mut().insert(WWW_AUTHENTICATE, asked);
            }
            return response;
        }
        let mut body = match self {
            Self::New => object(json!({ "code": code, "message": message })),
            Self::Old => {
                object(json!({ "code": status.as_u16(), "error_code": code, "msg": message }))
            }
        };
        if let Error::WeakPassword(why) = error {
            body.insert("weak_password".into(), json!({ "reasons": why.reasons }));
        }
        if let Error::Rule(rule) = error {
            let more = [("detail", &rule.detail), ("hint", &rule.hint)];
            body.extend(
                more.into_iter().filter_map(|(name, text)| {
                    Some((name.to_owned(), Value::from(text.as_deref()?)))
                }),
            );
        }
        if status.is_server_error()
            && let Some(id) = id.and_then(|id| id.to_str().ok())
        {
            body.insert("error_id".into(), id.into());
        }
        let mut response = (status, [(CODE_HEADER, code)], Json(body)).into_response();
        let wait = match error {
            Error::OverRequestRate(seconds) => Some(i64::from(*seconds)),
            Error::FactorRests(seconds) | Error::RecoveryCodesRest(seconds) => Some(*seconds),
            Error::MailTooSoon(told) | Error::SmsTooSoon(told) => Some(told.seconds),
            _ => None,
        };
        if let Some(seconds) = wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self == Self::New {
            response.headers_mut().insert(VERSION_HEADER, HeaderValue::from_static(NEW_SHAPE));
        }
        response
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl From<identity::Error> for Error {
    fn from(why: identity::Error) -> Self {
        match why {
            identity::Error::Revoked(Revocation::SessionEnded) => Self::SessionGone,
            identity::Error::Revoked(Revocation::Banned) => Self::CallerBanned,
            identity::Error::Revoked(Revocation::Deleted) => Self::CallerGone,
            why => Self::BadToken(format!("invalid JWT: {why}")),
        }
    }
}

impl From<pg::Error> for Error {
    fn from(error: pg::Error) -> Self {
        if let pg::Error::Refused(refused) = &error {
            match (refused.code().code(), refused.schema(), refused.constraint()) {
                ("23505", Some("auth"), Some("users_email_partial_key")) => {
                    return Self::EmailExists;
                }
                ("23505", Some("auth"), Some("identities_provider_id_provider_unique")) => {
                    return Self::identity_taken();
                }
                ("23505", Some("auth"), Some("custom_oauth_providers_identifier_key")) => {
                    return Self::CustomProviderExists;
                }
                ("23505", Some("auth"), Some("saml_providers_entity_id_key")) => {
                    return Self::SamlIdpExists;
                }
                ("23505", Some("auth"), Some("sso_domains_domain_idx")) => {
                    return Self::SsoDomainExists;
                }
                ("23505", Some("auth"), Some("sso_providers_resource_id_idx")) => {
                    return Self::SsoResourceIdExists;
                }
                ("23505", Some("auth"), Some("users_phone_key")) => return Self::PhoneExists,
                ("23505", Some("auth"), Some("users_pkey")) => return Self::UserAlreadyExists,
                ("23505", Some("auth"), Some("webauthn_credentials_credential_id_key")) => {
                    return Self::PasskeyExists;
                }
                ("22021" | "22P05", ..) => {
                    return Self::Invalid("Text may not hold a null character");
                }
                ("55P03", ..) => return Self::RefreshRace,
                ("57014", ..) => return Self::TooSlow,
                _ => {}
            }
            if let Some(rule) = Rule::of(refused) {
                return Self::Rule(Box::new(rule));
            }
        }
        if error.is_passing() { Self::Unavailable(error) } else { Self::Broken(Box::new(error)) }
    }
}

impl From<pg::Unopened> for Error {
    fn from(error: pg::Unopened) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl From<jsonwebtoken::errors::Error> for Error {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl Rule {
    /// A rule names the code by its hint, where it has one that reads as such.
    fn code(&self) -> &str {
        let is_code = |hint: &&str| {
            !hint.is_empty() && hint.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        self.hint.as_deref().filter(is_code).unwrap_or("unexpected_failure")
    }

    /// A client takes a 5xx for an outage and tries again, so a rule's no is a 4xx.
    fn of(refused: &DbError) -> Option<Self> {
        let code = refused.code().code();
        let status = match code.get(..2) {
            Some("PT") => raised_status(code)?,
            Some("22") => StatusCode::BAD_REQUEST,
            Some("23") => StatusCode::UNPROCESSABLE_ENTITY,
            _ if code == "P0001" => StatusCode::UNPROCESSABLE_ENTITY,
            _ => return None,
        };
        // The detail of a constraint shows other people's values; that of a raise was meant for
        // the reader.
        let is_raised = code.starts_with('P');
        Some(Self {
            status,
            message: refused.message().to_owned(),
            detail: refused.detail().filter(|_| is_raised).map(str::to_owned),
            hint: refused.hint().filter(|_| is_raised).map(str::to_owned),
        })
    }
}

/// The status in a SQLSTATE such as `PT403`.
fn raised_status(code: &str) -> Option<StatusCode> {
    let status: u16 = code.strip_prefix("PT")?.parse().ok()?;
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(version: &'static str) -> Shape {
        let mut headers = HeaderMap::new();
        headers.insert(VERSION_HEADER, HeaderValue::from_static(version));
        Shape::asked_by(&headers)
    }

    #[test]
    fn new_shape_is_told_to_those_who_ask_for_it() {
        assert_eq!(shape("2024-01-01"), Shape::New);
        assert_eq!(shape("2030-05-17"), Shape::New);
        assert_eq!(shape("2023-12-31"), Shape::Old);
        assert_eq!(shape("newest"), Shape::Old);
        assert_eq!(Shape::asked_by(&HeaderMap::new()), Shape::Old);
    }

    #[test]
    fn raised_status_is_an_error_status_or_nothing() {
        assert_eq!(raised_status("PT403"), Some(StatusCode::FORBIDDEN));
        assert_eq!(raised_status("PT200"), None);
        assert_eq!(raised_status("PT999"), None);
        assert_eq!(raised_status("PTabc"), None);
    }
}
