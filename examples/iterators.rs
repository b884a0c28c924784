//! An asynchronous stream as an iterator, and a plain recursive function as a stream.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;
use mixio::io::Waiting;
use mixio::{StreamYielder, as_async, as_stream, wait, wait_iter};
use smol::net::{TcpListener, TcpStream};

/// Each `next` waits for a connection, and the thread goes on with other work.
fn serve(listener: TcpListener, clients: usize) -> io::Result<Vec<u8>> {
    wait_iter(listener.incoming())
        .take(clients)
        .map(|client| {
            let mut greeting = [0];
            Waiting::futures(client?).read_exact(&mut greeting)?;
            Ok(greeting[0])
        })
        .collect()
}

/// Gives each file below the folder, from whatever depth of recursion it is at; asks the disk without blocking the thread.
fn walk(yielder: &StreamYielder<io::Result<PathBuf>>, folder: &Path) -> io::Result<()> {
    for entry in wait_iter(wait(smol::fs::read_dir(folder))?) {
        let path = entry?.path();
        if wait(smol::fs::metadata(&path))?.is_dir() { walk(yielder, &path)? } else { yielder.suspend(Ok(path)) }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    smol::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let clients = as_async(move || {
            for greeting in *b"abc" {
                Waiting::futures(wait(TcpStream::connect(address))?).write_all(&[greeting])?;
            }
            io::Result::Ok(())
        });
        let (greetings, ()) = smol::future::try_zip(as_async(|| serve(listener, 3)), clients).await?;
        assert_eq!(greetings, b"abc");
        println!("three clients were served by a loop over an iterator");

        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = as_stream(move |yielder| {
            if let Err(error) = walk(yielder, &folder) {
                yielder.suspend(Err(error));
            }
        });
        let sizes = files.and_then(async |path| Ok(smol::fs::metadata(path).await?.len()));
        let largest = sizes.try_fold(0, async |largest, size| Ok(size.max(largest))).await?;
        assert!(largest > 0);
        println!("the largest source file has {largest} bytes");
        Ok(())
    })
}
