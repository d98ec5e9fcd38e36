//! Where it is served: a port or a socket of this machine.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use axum::Router;
use axum::serve::ListenerExt;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::Error;
use super::config::Place;

/// Connections that may wait to be taken.
const BACKLOG: i32 = 1_024;

/// A place that is listened on.
pub enum Bound {
    /// A port.
    Port(TcpListener),
    /// A socket, and its file.
    Socket(UnixListener, PathBuf),
}

/// Where something is reached from this machine.
#[derive(Debug, Clone)]
pub enum Reached {
    /// At an address.
    Port(SocketAddr),
    /// At a file.
    Socket(PathBuf),
}

impl Bound {
    /// Listens on a place.
    pub fn bind(place: &Place) -> io::Result<Self> {
        match place {
            Place::Port { host, port, is_shared } => {
                let mut failure = io::Error::other("the host has no address");
                for (address, only_v6) in addresses(host, *port)? {
                    match listen(address, only_v6, *is_shared) {
                        Ok(listener) => return Ok(Self::Port(listener)),
                        Err(error) => failure = error,
                    }
                }
                Err(failure)
            }
            Place::Socket { path, mode } => {
                let listener = listen_at(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
                Ok(Self::Socket(listener, path.clone()))
            }
        }
    }

    /// Where it is reached from this machine.
    pub fn reached(&self) -> Reached {
        match self {
            Self::Port(listener) => {
                let address = listener.local_addr().unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
                let ip = match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                    ip => ip,
                };
                Reached::Port((ip, address.port()).into())
            }
            Self::Socket(_, path) => Reached::Socket(path.clone()),
        }
    }

    /// Serves until `stop`, then lets requests end.
    pub async fn serve(self, app: Router, stop: CancellationToken) -> Result<(), Error> {
        let stop = stop.cancelled_owned();
        let end = match self {
            Self::Port(listener) => {
                let listener = listener.tap_io(|stream| {
                    // Answers are small and must not wait for each other.
                    let _ = stream.set_nodelay(true);
                });
                let app = app.into_make_service_with_connect_info::<SocketAddr>();
                axum::serve(listener, app).with_graceful_shutdown(stop).await
            }
            Self::Socket(listener, path) => {
                let end = axum::serve(listener, app).with_graceful_shutdown(stop).await;
                let _ = fs::remove_file(path);
                end
            }
        };
        end.map_err(Error::Ended)
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(error) => write!(f, "{error}"),
            },
            Self::Socket(_, path) => write!(f, "{}", path.display()),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Socket { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

impl Reached {
    /// Whether a connection can be made.
    pub async fn answers(&self) -> bool {
        match self {
            Self::Port(address) => TcpStream::connect(address).await.is_ok(),
            Self::Socket(path) => UnixStream::connect(path).await.is_ok(),
        }
    }
}

/// The addresses a host stands for, each with whether version 6 alone is meant.
fn addresses(host: &str, port: u16) -> io::Result<Vec<(SocketAddr, bool)>> {
    let any_4 = (SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), false);
    let any_6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    Ok(match host {
        "!4" => vec![any_4],
        "!6" => vec![(any_6, true)],
        // Where a socket of version 6 takes version 4 too; else one of them.
        "*" | "*6" | "*4" => vec![(any_6, false), any_4],
        host => (host, port).to_socket_addrs()?.map(|address| (address, false)).collect(),
    })
}

fn listen(address: SocketAddr, only_v6: bool, is_shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    if is_shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// A file that a dead server left is taken away; a living one keeps its own.
fn listen_at(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(error);
            }
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(host: &str, is_shared: bool) -> Place {
        Place::Port { host: host.into(), port: 0, is_shared }
    }

    #[tokio::test]
    async fn words_stand_for_any_address() {
        for host in ["!4", "*", "*4", "*6", "localhost", "127.0.0.1"] {
            let bound = Bound::bind(&port(host, false)).unwrap_or_else(|error| panic!("{error}"));
            assert!(bound.reached().answers().await, "{host}");
        }
        assert!(Bound::bind(&port("no host, surely", false)).is_err());
    }

    #[tokio::test]
    async fn ports_are_shared_only_when_all_agree() {
        let first = Bound::bind(&port("127.0.0.1", true)).expect("a free port");
        let Reached::Port(address) = first.reached() else { panic!("it is a port") };
        let again = |is_shared| {
            let place = Place::Port { host: "127.0.0.1".into(), port: address.port(), is_shared };
            Bound::bind(&place).is_ok()
        };
        assert_eq!((again(true), again(false)), (true, false));
    }

    #[tokio::test]
    async fn dead_sockets_are_taken_over_and_living_ones_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api.sock");
        let place = Place::Socket { path: path.clone(), mode: 0o600 };
        let first = Bound::bind(&place).expect("a free name");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(Bound::bind(&place).is_err());
        drop(first);
        assert!(Bound::bind(&place).is_ok());
    }
}
