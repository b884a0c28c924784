//! What the listeners of TCP and Unix sockets have in common.

/// Implements for the public type of a listener, which wraps a `Listener`, all but how it is bound; and its iterator.
macro_rules! listener {
    ($Listener:ident, $Incoming:ident, $Stream:ident, $Address:ty, $std:ty, $tokio:ty) => {
        #[derive(Debug)]
        enum Listener {
            Blocking($std),
            Async($tokio),
        }

        impl $Listener {
            /// A listener of the current setting over one of std's.
            ///
            /// # Errors
            ///
            /// In [`Io::Async`](mixio::Io), if there is no runtime on this thread, or it won't have it.
            pub fn from_std(listener: $std) -> io::Result<Self> {
                Ok($Listener(match setting()? {
                    Io::Blocking => Listener::Blocking(listener),
                    Io::Async => {
                        listener.set_nonblocking(true)?;
                        Listener::Async(<$tokio>::from_std(listener)?)
                    }
                }))
            }

            /// The listener of std's under it, in blocking mode.
            ///
            /// Whether it blocks is a property of the socket: clones that are of [`Io::Async`](mixio::Io) still may block their thread
            /// from here on.
            ///
            /// # Errors
            ///
            /// If tokio won't give it back, or it can't be set to blocking mode.
            pub fn into_std(self) -> io::Result<$std> {
                match self.0 {
                    Listener::Blocking(listener) => Ok(listener),
                    Listener::Async(listener) => {
                        let listener = listener.into_std()?;
                        listener.set_nonblocking(false)?;
                        Ok(listener)
                    }
                }
            }

            /// Waits for a connection, and gives it with the address at its other end.
            ///
            /// # Errors
            ///
            /// As std's.
            pub fn accept(&self) -> io::Result<($Stream, $Address)> {
                match &self.0 {
                    Listener::Blocking(listener) => {
                        let (stream, peer) = listener.accept()?;
                        Ok(($Stream::blocking(stream), peer))
                    }
                    Listener::Async(listener) => {
                        let (stream, peer) = wait_io(listener.accept())?;
                        Ok(($Stream::from_tokio(stream), peer.into()))
                    }
                }
            }

            /// Accepts connections, one by one, for ever.
            pub fn incoming(&self) -> $Incoming<'_> {
                $Incoming { listener: self }
            }

            /// The address at which it listens.
            ///
            /// # Errors
            ///
            /// As std's.
            pub fn local_addr(&self) -> io::Result<$Address> {
                match &self.0 {
                    Listener::Blocking(listener) => listener.local_addr(),
                    Listener::Async(listener) => listener.local_addr().map(Into::into),
                }
            }

            /// Another handle to the same socket, as std's.
            ///
            /// # Errors
            ///
            /// As std's, for want of file descriptors say. In [`Io::Async`](mixio::Io) also if there is no runtime on this thread.
            pub fn try_clone(&self) -> io::Result<Self> {
                Ok($Listener(match &self.0 {
                    Listener::Blocking(listener) => Listener::Blocking(listener.try_clone()?),
                    Listener::Async(listener) => {
                        need_runtime()?;
                        let duplicate = listener.as_fd().try_clone_to_owned()?.into();
                        Listener::Async(<$tokio>::from_std(duplicate)?)
                    }
                }))
            }

            /// Takes the socket's pending error (`SO_ERROR`), if there is one.
            ///
            /// # Errors
            ///
            /// As std's.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                SockRef::from(self).take_error()
            }
        }

        impl AsFd for $Listener {
            fn as_fd(&self) -> BorrowedFd<'_> {
                match &self.0 {
                    Listener::Blocking(listener) => listener.as_fd(),
                    Listener::Async(listener) => listener.as_fd(),
                }
            }
        }

        impl AsRawFd for $Listener {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }

        /// Accepts connections for ever: what the listener's `incoming` gives.
        #[derive(Debug)]
        pub struct $Incoming<'a> {
            listener: &'a $Listener,
        }

        impl Iterator for $Incoming<'_> {
            type Item = io::Result<$Stream>;

            /// Waits for a connection, as the listener's `accept`. Never `None`.
            fn next(&mut self) -> Option<io::Result<$Stream>> {
                Some(self.listener.accept().map(|(stream, _)| stream))
            }
        }

        impl FusedIterator for $Incoming<'_> {}
    };
}
pub(super) use listener;
