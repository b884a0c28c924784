//! A recursive walk as an iterator: the plainest use of a coroutine.

use std::path::{Path, PathBuf};

use mixio::{Coroutine, CoroutineResult, Yielder};

/// Suspends with each file below the folder, from whatever depth of recursion it is at.
fn walk(yielder: &Yielder<(), PathBuf>, folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(yielder, &path)? } else { yielder.suspend(path) }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Coroutine::new(move |yielder, ()| walk(yielder, &folder));
    let mut count = 0;
    loop {
        match files.resume(()) {
            CoroutineResult::Yield(path) => println!("{}", path.display()),
            CoroutineResult::Return(result) => {
                println!("{count} files");
                break result;
            }
        }
        count += 1;
    }
}
