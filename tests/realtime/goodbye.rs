//! How a connection ends.

use crate::support::{Database, Server};

#[tokio::test]
async fn goodbye_of_a_client_is_answered_at_once() {
    let database = Database::scratch().await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    assert!(socket.is_alive().await);
    socket.say_goodbye().await;
    assert_eq!(socket.close_code().await, 1000);
    socket.ended().await;
}
