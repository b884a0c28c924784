//! A process that may be killed and started again.

use std::process::{Child, Command};
use std::sync::Mutex;

/// It does not outlive its test.
pub(crate) struct Process {
    command: Mutex<Command>,
    child: Mutex<Option<Child>>,
}

impl Process {
    pub(crate) fn new(command: Command) -> Self {
        let this = Process { command: Mutex::new(command), child: Mutex::default() };
        this.start();
        this
    }

    pub(crate) fn start(&self) {
        *self.child.lock().unwrap() = Some(self.command.lock().unwrap().spawn().unwrap());
    }

    /// Without any chance to tidy up.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.child.lock().unwrap().as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
