//! A channel's token: checked when it joins, renewed, expired, and ended with its sign-in.

use super::Realtime;
use super::channel::Channel;
use super::error::{Binding as Refusal, Join, Outcome, System, Token};
use super::hub::{Hears, Room};
use super::join::{json_object, token_of};
use super::protocol::Push;
use super::rights::{News, Standing};
use super::sessions::Watched;
use super::socket::Connection;
use super::store;
use crate::identity::{Identity, unix_now};

/// Somebody whose token, and sign-in if there is one, are good.
pub(super) struct Person {
    pub(super) identity: Identity,
    pub(super) session: Watched,
}

impl Person {
    /// Checks a token and that its sign-in lives; from then on the socket is woken when it ends.
    ///
    /// # Errors
    /// The token is refused, or the database cannot be asked.
    pub(super) async fn admit(on: &Connection, token: &str) -> Result<Self, Join> {
        let identity = on.realtime.verify(token).await?;
        let session = on.realtime.sessions.watch(&identity, &on.wake);
        // What was revoked since the token was verified is not told to the watch.
        on.realtime.verify(token).await?;
        if let Some(id) = identity.session
            && !store::ended_sessions(&on.realtime.pg, &[id]).await?.is_empty()
        {
            return Err(Token::SessionEnded.into());
        }
        Ok(Self { identity, session })
    }
}

/// What the policies let a person read of a channel. If it is private, they are asked again from
/// now on when something changes.
///
/// # Errors
/// Nothing, or the database cannot be asked.
pub(super) async fn rights(
    on: &Connection,
    identity: &Identity,
    room: &Room,
) -> Result<(Hears, Option<Standing>), Join> {
    if !room.is_private {
        return Ok((Hears::EVERYTHING, None));
    }
    let Realtime { pg, hub, logs, .. } = &*on.realtime;
    // What the log tells from here on finds the channel; what it told before must be seen.
    let standing = logs.main.rights.enter(on, identity, room);
    let asker = store::Asker { identity, headers: &on.headers, name: room.name() };
    let told = hub.told();
    let (may, _) = store::settled(&told, |(_, seen)| seen, || store::may_hear(pg, asker)).await?;
    if may == Hears::NOTHING {
        return Err(Join::Unauthorized(room.name().to_owned()));
    }
    standing.found(may);
    Ok((may, Some(standing)))
}

impl Channel {
    /// A fresh token: the same person with new rights, or somebody else.
    pub(super) async fn renew(&mut self, on: &Connection, push: &Push) -> Outcome {
        let Some(token) = json_object(push).and_then(|payload| token_of(&payload)) else {
            return Outcome::Stays;
        };
        if token == self.token {
            return Outcome::Stays;
        }
        let renewed = async {
            let person = Person::admit(on, &token).await?;
            let (may, standing) = rights(on, &person.identity, &self.room).await?;
            Ok((person, may, standing))
        };
        let (person, may, standing) = match renewed.await {
            Ok(renewed) => renewed,
            Err(Join::Token(refused)) => return self.tell(on, &System::Token(refused)),
            Err(Join::Unauthorized(name)) => return self.tell(on, &System::NotAnyMore(name)),
            Err(undecided) => return self.tell(on, &System::Undecided(undecided)),
        };
        self.person = person;
        self.token = token;
        self.may_hear = may;
        if let (Some(standing), Some(former)) = (&standing, &self.standing) {
            standing.follow(former);
        }
        self.standing = standing;
        (self.may_speak, self.may_be_present) = (None, None);
        self.hear(on);
        if self.bindings.is_empty() { Outcome::Stays } else { self.renew_bindings(on).await }
    }

    /// Its rights were asked again: what becomes of it.
    pub(super) fn heed(&mut self, on: &Connection) -> Outcome {
        match self.standing.as_ref().and_then(Standing::take_news) {
            None => Outcome::Stays,
            Some(News::Hears(Hears::NOTHING)) => {
                self.tell(on, &System::NotAnyMore(self.name().to_owned()))
            }
            Some(News::Hears(may)) => {
                self.may_hear = may;
                self.hear(on);
                Outcome::Stays
            }
            Some(News::Undecided(why)) => self.tell(on, &System::Undecided(why)),
        }
    }

    /// Whether its sign-in has ended.
    pub(super) fn is_signed_out(&self) -> bool {
        self.person.session.has_ended()
    }

    /// A filter may look at a column that the new token may not select.
    async fn renew_bindings(&mut self, on: &Connection) -> Outcome {
        match self.accept(on).await {
            // What was told of its tables in the one log is not told again in the other.
            Ok((log, _)) if log != self.log => Outcome::Ends,
            Ok((_, bindings)) => {
                self.bindings = bindings;
                match self.activate(on, Box::new(|_| Vec::new())).await {
                    Some(()) => Outcome::Stays,
                    None => Outcome::Ends,
                }
            }
            Err(Refusal::Unreachable) => self.tell(on, &System::Undecided(Join::Unreachable)),
            Err(refusal) => {
                on.realtime.logs.of(self.log).unsubscribe(self.subscription).await;
                self.bindings.clear();
                self.refuse(on, &refusal);
                Outcome::Stays
            }
        }
    }

    /// When its token expires, in seconds since 1970.
    pub(super) fn expires_at(&self) -> Option<i64> {
        self.person.identity.expires_at
    }

    /// Whether its token has expired or its sign-in has ended: why, then.
    pub(super) fn is_over(&self) -> Option<System> {
        if self.is_signed_out() {
            return Some(System::Token(Token::SessionEnded));
        }
        let seconds = unix_now() - self.expires_at()?;
        (seconds >= 0).then_some(System::Token(Token::Expired(seconds)))
    }
}
