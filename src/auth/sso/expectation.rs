//! Whether a signed assertion is for this server, for this sign-in, and for this moment.

use super::assertion::{Confirmation, Span};
use super::party::Party;
use super::response::Response;
use crate::auth::Error;

/// How far clocks may be apart, in seconds.
const SKEW_SECONDS: i64 = 60;

/// How long an assertion may count at most, in seconds: for so long its ID is remembered.
const MAX_SECONDS: i64 = 86_400;

/// What an assertion must say.
pub(super) struct Expectation<'a> {
    pub party: &'a Party,
    /// The directory whose keys have signed it.
    pub entity_id: &'a str,
    /// The question it answers; nothing when the directory spoke first.
    pub request_id: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
}

impl Expectation<'_> {
    /// Until when the assertion counts, and so must be remembered, in seconds since 1970.
    ///
    /// # Errors
    /// It does not count.
    pub(super) fn check(&self, response: &Response) -> Result<i64, Error> {
        let assertion = &response.assertion;
        let is_issuer = |issuer: &String| issuer == self.entity_id;
        if !is_issuer(&assertion.issuer) || !response.issuer.as_ref().is_none_or(is_issuer) {
            return Err(Error::Invalid("The SAML response is of another Issuer"));
        }
        let consumer_url = self.party.consumer_url();
        match response.destination.as_deref().filter(|url| !url.is_empty()) {
            Some(destination) if destination == consumer_url => {}
            // Who signs a message says where it goes (SAML bindings 3.5.5.2).
            None if !response.is_signed => {}
            _ => return Err(Error::Invalid("The SAML response is for another Destination")),
        }
        if response.in_response_to.as_deref() != self.request_id {
            return Err(Error::Invalid("The SAML response answers another request"));
        }
        let entity_id = self.party.entity_id();
        let has_us = |audiences: &Vec<String>| audiences.contains(&entity_id);
        if assertion.audiences.is_empty() || !assertion.audiences.iter().all(has_us) {
            return Err(Error::Invalid("The SAML assertion is for another Audience"));
        }
        self.check_time(assertion.valid)?;
        if !assertion.has_sign_in {
            return Err(Error::Invalid(
                "The SAML assertion does not say that the person signed in",
            ));
        }
        if assertion.session_end.is_some_and(|end| end <= self.now) {
            return Err(Error::Invalid("The session at the identity provider is over"));
        }
        let until = self.confirmed_until(&assertion.confirmations, &consumer_url)?;
        Ok(until.min(assertion.valid.until.unwrap_or(until)) + SKEW_SECONDS)
    }

    /// Until when a confirmation lets whoever brings the assertion in.
    fn confirmed_until(
        &self,
        confirmations: &[Confirmation],
        consumer_url: &str,
    ) -> Result<i64, Error> {
        let mut outcome = Error::Invalid("The SAML assertion names nobody who may bring it");
        for confirmation in confirmations {
            match self.check_confirmation(confirmation, consumer_url) {
                Ok(until) => return Ok(until),
                Err(error) => outcome = error,
            }
        }
        Err(outcome)
    }

    fn check_confirmation(&self, told: &Confirmation, consumer_url: &str) -> Result<i64, Error> {
        if told.recipient.as_deref() != Some(consumer_url) {
            return Err(Error::Invalid("The SAML assertion is for another Recipient"));
        }
        if told.in_response_to.as_deref() != self.request_id {
            return Err(Error::Invalid("The SAML assertion answers another request"));
        }
        self.check_time(told.valid)?;
        let until = told.valid.until;
        let until = until.ok_or(Error::Invalid("The SAML assertion counts for ever"))?;
        if until > self.now + MAX_SECONDS {
            return Err(Error::Invalid("The SAML assertion counts for more than a day"));
        }
        Ok(until)
    }

    fn check_time(&self, span: Span) -> Result<(), Error> {
        if span.from.is_some_and(|from| from > self.now + SKEW_SECONDS) {
            return Err(Error::Invalid("The SAML assertion does not count yet"));
        }
        if span.until.is_some_and(|until| until <= self.now - SKEW_SECONDS) {
            return Err(Error::Invalid("The SAML assertion has expired"));
        }
        Ok(())
    }
}
