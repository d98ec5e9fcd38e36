//! Somebody who listens, and comes back by place however the connection ended.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use walkie::wal::{Lsn, Place};

use super::stage::{END, Stage, token};
use crate::support::Dice;

/// How long a connection, or an answer to a join, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a silent listener says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How somebody listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Stays as long as it can.
    Stays,
    /// Leaves and comes back all the time.
    Comes,
    /// Is away for seconds.
    Sleeps,
    /// Reads slowly.
    Dawdles,
    /// Joins again on the same socket, and names the place that it began with.
    Repeats,
}

/// Who listens to what, and how.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Number of the person.
    pub person: usize,
    /// Only notes of this room.
    pub room: Option<i64>,
    /// How.
    pub habit: Habit,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    /// A change, and how many changes of membership had been begun then.
    Change { place: Place, data: Value, begun: i64 },
    /// That changes are gone, and where the log ended then.
    Gap { from: Place, to: Place, end: Lsn, begun: i64 },
}

/// What somebody heard from the first join to the last mark.
#[derive(Debug)]
pub struct Account {
    /// Who and what.
    pub wish: Wish,
    /// The place of the first join.
    pub from: Place,
    /// In the order of hearing.
    pub heard: Vec<Heard>,
    /// What should not have been said.
    pub complaints: Vec<String>,
    /// Connections that were made.
    pub connections: usize,
}

struct Listener<'a> {
    stage: &'a Stage,
    dice: Dice,
    account: Account,
    /// Up to where everything was heard; `None` before the first join.
    place: Option<Place>,
    has_ended: bool,
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection is over: for whatever reason, one comes back.
struct Over;

/// Listens until the last mark.
pub async fn listen(wish: Wish, dice: Dice, stage: &Stage) -> Account {
    let account = Account {
        wish,
        from: Place::default(),
        heard: Vec::new(),
        complaints: Vec::new(),
        connections: 0,
    };
    let mut listener = Listener { stage, dice, account, place: None, has_ended: false };
    while !listener.has_ended {
        // However it ended, one comes back.
        let _: Result<(), Over> = listener.visit().await;
        let away = match wish.habit {
            Habit::Comes => listener.dice.below(600),
            Habit::Sleeps => listener.dice.between(2_000, 7_000),
            _ => 0,
        };
        stage.rest(away).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    listener.account
}

impl Listener<'_> {
    /// One connection, to its end.
    async fn visit(&mut self) -> Result<(), Over> {
        let url = format!(
            "ws://127.0.0.1:{}/realtime/v1/websocket?apikey={}&vsn=2.0.0",
            self.stage.port,
            token(self.account.wish.person)
        );
        let opened = timeout(PATIENCE, connect_async(url)).await;
        let (mut stream, _) = opened.map_err(|_| Over)?.map_err(|_| Over)?;
        self.account.connections += 1;
        let habit = self.account.wish.habit;
        // Who named no place would begin anew.
        let repeats = habit == Habit::Repeats && self.place.is_some();
        let config = self.config();
        let mut join = 1;
        self.join(&mut stream, join, &config).await?;
        let mut stays_until = self.stay(habit);
        loop {
            let now = Instant::now();
            if now >= stays_until && !self.stage.is_calm() {
                if !repeats {
                    return Err(Over);
                }
                join += 1;
                self.join(&mut stream, join, &config).await?;
                stays_until = self.stay(habit);
            }
            let wait = HEARTBEAT.min(stays_until.saturating_duration_since(now));
            match timeout(wait.max(Duration::from_millis(50)), stream.next()).await {
                Ok(frame) => self.take(&read(frame)?, join).await?,
                Err(_) => say(&mut stream, &json!([null, "h", "phoenix", "heartbeat", {}])).await?,
            }
            if self.has_ended {
                return Ok(());
            }
            if habit == Habit::Dawdles && !self.stage.is_calm() {
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        }
    }

    fn stay(&mut self, habit: Habit) -> Instant {
        let milliseconds = match habit {
            Habit::Stays | Habit::Dawdles => 3_600_000,
            Habit::Comes | Habit::Repeats => self.dice.between(100, 2_500),
            Habit::Sleeps => self.dice.between(500, 2_000),
        };
        Instant::now() + Duration::from_millis(milliseconds as u64)
    }

    /// What is joined from here on; a stock client says the same again on the same socket.
    fn config(&self) -> Value {
        let mut bindings = vec![
            json!({"event": "*", "schema": "public", "table": "notes"}),
            json!({"event": "*", "schema": "public", "table": "marks"}),
        ];
        if let Some(room) = self.account.wish.room {
            bindings[0]["filter"] = json!(format!("room=eq.{room}"));
        }
        if let Some(place) = self.place {
            for binding in &mut bindings {
                binding["after"] = json!(place.to_string());
            }
        }
        json!({"config": {"postgres_changes": bindings}})
    }

    /// Joins, and waits for the answer.
    async fn join(&mut self, stream: &mut Stream, join: u32, config: &Value) -> Result<(), Over> {
        let reference = join.to_string();
        say(stream, &json!([reference, reference, "realtime:all", "phx_join", config])).await?;
        let answered = async {
            loop {
                let frame = read(stream.next().await)?;
                if frame[3] != "phx_reply" || frame[1] != reference.as_str() {
                    self.take(&frame, join).await?;
                    continue;
                }
                if frame[4]["status"] != "ok" {
                    return Err(Over);
                }
                if self.place.is_none() {
                    let place = place(&frame[4]["response"]["lsn"]);
                    self.account.from = place;
                    self.place = Some(place);
                }
                return Ok(());
            }
        };
        timeout(PATIENCE * 4, answered).await.unwrap_or(Err(Over))
    }

    /// Takes what the server says to the channel.
    async fn take(&mut self, frame: &Value, join: u32) -> Result<(), Over> {
        let payload = &frame[4];
        match frame[3].as_str().unwrap_or_default() {
            "postgres_changes" => {
                let data = payload["data"].clone();
                let place = place(&data["lsn"]);
                self.place = self.place.max(Some(place));
                self.has_ended = data["table"] == "marks" && data["record"]["id"] == END;
                let begun = self.stage.begun.load(Ordering::SeqCst);
                self.account.heard.push(Heard::Change { place, data, begun });
            }
            "system" if payload["status"] == "error" && payload["from"].is_string() => {
                let (from, to) = (place(&payload["from"]), place(&payload["to"]));
                self.place = self.place.max(Some(to));
                let end = self.stage.end_of_log().await;
                let begun = self.stage.begun.load(Ordering::SeqCst);
                self.account.heard.push(Heard::Gap { from, to, end, begun });
            }
            "system" if payload["status"] == "error" => {
                self.account.complaints.push(payload.to_string());
            }
            "phx_close" | "phx_error" if frame[0].as_str() == Some(&*join.to_string()) => {
                return Err(Over);
            }
            _ => {}
        }
        Ok(())
    }
}

fn place(text: &Value) -> Place {
    let text = text.as_str().unwrap_or_else(|| panic!("{text} is no place"));
    text.parse().unwrap_or_else(|_| panic!("{text} is no place"))
}

async fn say(stream: &mut Stream, what: &Value) -> Result<(), Over> {
    stream.send(Message::text(what.to_string())).await.map_err(|_| Over)
}

fn read(
    frame: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
) -> Result<Value, Over> {
    match frame {
        Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).expect("JSON")),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Over),
        Some(Ok(_)) => Ok(Value::Null),
    }
}
