//! An installed nginx with its nchan module (Debian: nginx-light, libnginx-mod-nchan), on a
//! configuration of our own in a folder that is thrown away.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::stage::worked;

const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

pub struct Nchan {
    port: u16,
    folder: PathBuf,
    process: Child,
}

impl Nchan {
    /// Starts it: whatever is said at `/pub` is heard at `/sub`, each over WebSocket.
    pub async fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("walkie-nchan-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let at = folder.display();
        let configuration = format!(
            "load_module {MODULE};
             daemon off;
             pid {at}/pid;
             error_log {at}/errors;
             worker_processes 1;
             worker_rlimit_nofile 20000;
             events {{ worker_connections 16000; }}
             http {{
               access_log off;
               tcp_nodelay on;
               client_body_temp_path {at}/body;
               proxy_temp_path {at}/proxy;
               fastcgi_temp_path {at}/fastcgi;
               scgi_temp_path {at}/scgi;
               uwsgi_temp_path {at}/uwsgi;
               nchan_shared_memory_size 128m;
               server {{
                 listen 127.0.0.1:{port};
                 location = /pub {{
                   nchan_publisher websocket;
                   nchan_channel_id all;
                   nchan_message_buffer_length 1000;
                 }}
                 location = /sub {{
                   nchan_subscriber websocket;
                   nchan_channel_id all;
                   nchan_subscriber_first_message newest;
                 }}
               }}
             }}"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let process = Command::new("nginx")
            .arg("-e")
            .arg(folder.join("errors"))
            .arg("-c")
            .arg(&file)
            .kill_on_drop(true)
            .spawn()
            .context("nginx is not installed")?;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { port, folder, process })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How long its workers have worked.
    pub fn worked(&self) -> anyhow::Result<Duration> {
        let master = self.process.id().context("it has ended")?;
        let workers = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        workers.split_whitespace().map(|worker| worked(worker.parse()?)).sum()
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        let process = self.process.id().context("it has ended")?;
        // Its own way to stop takes its workers with it.
        Command::new("kill").args(["-TERM", &process.to_string()]).status().await?;
        self.process.wait().await?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}
