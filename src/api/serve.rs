//! HTTP connections: a bounded number, and none that says nothing for long.

use axum::{Router, serve::Listener};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep, sleep_until},
};

/// Connections at once. One more waits in the kernel's backlog until another ends.
const CONNECTIONS_MAX: usize = 512;

/// A connection without a byte either way for this long is closed, in mid-request as well as between two.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Serves until `stopped` is done and the requests in progress are answered.
///
/// # Errors
/// When the socket cannot be used.
pub async fn serve(
    socket: std::net::TcpListener,
    router: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener =
        Bounded { socket: TcpListener::from_std(socket)?, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

struct Bounded {
    socket: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            match self.socket.accept().await {
                Ok((stream, remote)) => {
                    let _ = stream.set_nodelay(true);
                    let silence = Box::pin(sleep(SILENCE_MAX));
                    return (Connection { stream, silence, _place: place }, remote);
                }
                // Out of descriptors, or the peer has gone already.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// A connection that ends by itself when nothing is heard.
struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn stir(&mut self) {
        self.silence.set(sleep_until(Instant::now() + SILENCE_MAX));
    }

    fn silent(&mut self, context: &mut Context<'_>) -> bool {
        self.silence.as_mut().poll(context).is_ready()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(outcome) => {
                if buffer.filled().len() > before {
                    self.stir();
                }
                Poll::Ready(outcome)
            }
            Poll::Pending if self.silent(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(outcome) => {
                self.stir();
                Poll::Ready(outcome)
            }
            Poll::Pending if self.silent(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
