//! A raw Phoenix socket: frames out, frames in.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{PATIENCE, Person};

/// An open socket, serializer 2.0.0 unless told otherwise.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_ref: u32,
}

impl Socket {
    /// Opens a socket with a project key.
    pub async fn open(url: &str, key: &str, vsn: &str) -> Self {
        match Self::try_open(url, &format!("apikey={key}&vsn={vsn}")).await {
            Ok(socket) => socket,
            Err((status, body)) => panic!("{status} {body}"),
        }
    }

    /// Tries to open a socket with this query; the status and body of a refusal.
    pub async fn try_open(url: &str, query: &str) -> Result<Self, (u16, String)> {
        Self::try_open_with(url, query, &[]).await
    }

    /// As [`Socket::try_open`], with headers.
    pub async fn try_open_with(
        url: &str,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, (u16, String)> {
        use tokio_tungstenite::tungstenite::Error;
        use tokio_tungstenite::tungstenite::client::IntoClientRequest;
        let url = format!("{}/realtime/v1/websocket?{query}", url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream, next_ref: 1 }),
            Err(Error::Http(answer)) => {
                let body =
                    answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                Err((answer.status().as_u16(), body.into_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the socket is open");
    }

    /// Sends any bytes.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::binary(bytes)).await.expect("the socket is open");
    }

    /// Sends a push of a joined channel (its join's reference is always "j").
    pub async fn push(&mut self, topic: &str, event: &str, payload: Value) -> String {
        let reference = self.next_ref.to_string();
        self.next_ref += 1;
        self.send_text(&json!(["j", reference, topic, event, payload]).to_string()).await;
        reference
    }

    /// Pushes, and waits for the reply: (status, response). Other frames are passed over.
    pub async fn ask(&mut self, topic: &str, event: &str, payload: Value) -> (String, Value) {
        let reference = self.push(topic, event, payload).await;
        loop {
            let frame = self.next().await;
            if frame[1] == json!(reference) && frame[3] == "phx_reply" {
                let status = frame[4]["status"].as_str().expect("a status").to_owned();
                return (status, frame[4]["response"].clone());
            }
        }
    }

    /// Joins `realtime:name` as a person with these bindings, and waits for the reply.
    pub async fn join(&mut self, name: &str, who: &Person, bindings: Value) -> (String, Value) {
        let config = json!({
            "config": {"broadcast": {"ack": false, "self": false}, "postgres_changes": bindings},
            "access_token": who.token,
        });
        self.ask(&format!("realtime:{name}"), "phx_join", config).await
    }

    /// Joins and waits until the subscription is said to be active; gives its place.
    pub async fn subscribe(&mut self, name: &str, who: &Person, bindings: Value) -> String {
        let (status, response) = self.join(name, who, bindings).await;
        assert_eq!(status, "ok", "{response}");
        let system = self.event("system").await;
        assert_eq!(system["status"], "ok", "{system}");
        system["lsn"].as_str().expect("a place").to_owned()
    }

    /// Joins `realtime:name` with this token and config, and waits for the reply.
    pub async fn join_with(&mut self, name: &str, token: &str, config: Value) -> (String, Value) {
        let payload = json!({"config": config, "access_token": token});
        self.ask(&format!("realtime:{name}"), "phx_join", payload).await
    }

    /// Joins `realtime:name` on a socket of serializer 1.0.0, which must be let in.
    pub async fn join_v1(&mut self, name: &str, payload: Value) {
        let topic = format!("realtime:{name}");
        let join = json!({"topic": topic, "event": "phx_join", "payload": payload, "ref": "1"});
        self.send_text(&join.to_string()).await;
        assert_eq!(self.next().await["payload"]["status"], "ok");
    }

    /// The payload of the next message with this event name; others are passed over.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let mut frame = self.next().await;
            if frame[3] == name {
                return frame[4].take();
            }
        }
    }

    /// `data` of the next change.
    pub async fn change(&mut self) -> Value {
        self.event("postgres_changes").await["data"].take()
    }

    /// `data` of the next change on `realtime:name`; it must be the next change of all.
    pub async fn next_change_of(&mut self, name: &str) -> Value {
        loop {
            let mut frame = self.next().await;
            if frame[3] == "postgres_changes" {
                assert_eq!(frame[2], format!("realtime:{name}"), "{frame}");
                return frame[4]["data"].take();
            }
        }
    }

    /// The next text frame, as JSON.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The next frame that is no ping or pong.
    pub async fn frame(&mut self) -> Message {
        loop {
            let frame = timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match frame.expect("the socket is open").expect("a good frame") {
                Message::Ping(_) | Message::Pong(_) => {}
                frame => return frame,
            }
        }
    }

    /// Begins to close, as a client that leaves does.
    pub async fn say_goodbye(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.stream.send(Message::Close(Some(frame))).await.expect("the connection is open");
    }

    /// The code with which the server closes; other frames are passed over.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("a close in time") {
                Some(Ok(Message::Close(frame))) => return frame.expect("a close code").code.into(),
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("{error}"),
                None => panic!("closed without a code"),
            }
        }
    }

    /// Sends a text that the server may refuse to read to its end.
    pub async fn try_send(&mut self, text: &str) {
        let _ = self.stream.send(Message::text(text)).await;
    }

    /// Resolves when the server has ended the connection, however.
    pub async fn ended(&mut self) {
        let end = async { while let Some(Ok(_)) = self.stream.next().await {} };
        timeout(PATIENCE, end).await.expect("the connection ends");
    }

    /// Proves that the connection is alive.
    pub async fn is_alive(&mut self) -> bool {
        let (status, _) = self.ask("phoenix", "heartbeat", json!({})).await;
        status == "ok"
    }
}
