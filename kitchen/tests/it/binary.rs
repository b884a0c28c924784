//! The program itself.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{PATIENCE, begin_post, get, post, receive};
use super::fake_kitchen::patient_kitchen;
use super::host::{rows, wait_for_status};
use super::program::{Program, kitchen};

#[test]
fn it_serves_until_it_is_told_to_stop() {
    for signal in ["INT", "TERM"] {
        let directory = tempfile::tempdir().unwrap();
        // The default database is in the current directory.
        let (program, address) = Program::start(kitchen().current_dir(&directory).env_remove("DATABASE_URL"));
        let reply = post(address, "/", "user=ann&details=pizza");
        assert_eq!(reply.status, 200, "{reply:?}");
        program.signal(signal);
        program.assert_ends_well();
        let database = directory.path().join("kitchen.sqlite3");
        assert_eq!(rows(database.to_str().unwrap())[0].user, "ann");
    }
}

#[test]
fn it_opens_as_many_files_as_it_may() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -Sn 64 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_kitchen")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (program, address) = Program::start(command.current_dir(&directory).env_remove("DATABASE_URL"));
    let idle: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(get(address, "/?details=soup").status, 200);
    drop(idle);
    program.signal("INT");
    program.assert_ends_well();
}

#[test]
fn it_stops_at_once_if_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (program, _) = Program::start(kitchen().current_dir(&directory));
    program.signal("INT");
    program.assert_ends_well();
}

#[test]
fn it_ends_an_order_before_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("orders");
    let database = database.to_str().unwrap();
    let (service, is_asked, go_on) = patient_kitchen();
    let environment = [("DATABASE_URL", database), ("KITCHEN_SERVICE", &service.url), ("KITCHEN_TIMEOUT", "30s")];
    let (program, address) = Program::start(kitchen().envs(environment));
    let client = begin_post(address, "/", "details=pizza");
    is_asked.recv_timeout(PATIENCE).unwrap();
    wait_for_status(database, "placed");
    program.signal("INT");
    let start = Instant::now();
    while get(address, "/healthz").status == 200 {
        assert!(start.elapsed() < PATIENCE, "it does not stop");
    }
    go_on.send(()).unwrap();
    assert_eq!(receive(client).status, 200);
    program.assert_ends_well();
    wait_for_status(database, "accepted");
}

#[test]
fn orders_are_there_the_next_time() {
    let directory = tempfile::tempdir().unwrap();
    for id in 1..=2 {
        let (program, address) = Program::start(kitchen().current_dir(&directory));
        assert_eq!(get(address, "/?details=soup").json()["order_id"], id);
        program.signal("INT");
        program.assert_ends_well();
    }
}

#[test]
fn it_takes_care_of_orders_that_were_left() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("kitchen.sqlite3");
    let slow = [("KITCHEN_DELAY", "30s"), ("KITCHEN_TIMEOUT", "60s")];
    let (program, address) = Program::start(kitchen().current_dir(&directory).env_remove("DATABASE_URL").envs(slow));
    let _client = begin_post(address, "/", "details=pizza");
    wait_for_status(database.to_str().unwrap(), "placed");
    // It is killed.
    drop(program);
    let (program, _) = Program::start(kitchen().current_dir(&directory).env_remove("DATABASE_URL"));
    wait_for_status(database.to_str().unwrap(), "accepted");
    program.signal("INT");
    program.assert_ends_well();
}

#[test]
fn it_takes_care_of_orders_that_another_server_has_left() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("orders");
    let database = database.to_str().unwrap();
    let quick = [("DATABASE_URL", database), ("KITCHEN_RETRY_AFTER", "20ms"), ("KITCHEN_TIMEOUT", "2s")];
    let (program, _) = Program::start(kitchen().envs(quick));
    let slow = [("DATABASE_URL", database), ("KITCHEN_DELAY", "30s"), ("KITCHEN_TIMEOUT", "60s")];
    let (other, address) = Program::start(kitchen().envs(slow));
    let _client = begin_post(address, "/", "details=pizza");
    wait_for_status(database, "placed");
    // It is killed.
    drop(other);
    wait_for_status(database, "accepted");
    program.signal("INT");
    program.assert_ends_well();
}

#[test]
#[cfg(target_os = "linux")]
fn it_serves_although_it_cannot_say_so() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let directory = tempfile::tempdir().unwrap();
    // The other tests are at another address, and do not take this port.
    let address = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
    let mut command = kitchen();
    command.current_dir(&directory).env_remove("DATABASE_URL").args(["--listen", &address.to_string()]);
    let mut program = Program::silent(command.stdout(full()));
    let start = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < PATIENCE && !program.has_ended());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(get(address, "/?details=soup").status, 200);
    program.signal("INT");
    let log = program.assert_ends_well();
    assert!(log.contains("cannot be printed"), "{log}");
    // Neither can it say why it fails.
    let status = kitchen().args(["--listen", "127.0.0.1:0", "--database", "/dev/null/x"]).stderr(full()).status();
    assert_eq!(status.unwrap().code(), Some(1));
}

fn run(arguments: &[&str]) -> (Output, String) {
    let output = kitchen().args(arguments).output().unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    (output, errors)
}

#[test]
fn it_explains_its_settings() {
    let (output, _) = run(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for setting in ["listen", "database", "workers", "kitchen-service", "kitchen-timeout", "kitchen-delay"] {
        assert!(help.contains(&format!("--{setting}")), "{setting} is missing: {help}");
    }
    assert!(help.contains("DATABASE_URL") && help.contains("/connect/"));
    assert!(help.contains("needs `order_id`"), "{help}");
}

#[test]
fn it_says_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("orders");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let missing = directory.path().join("missing/orders");
    for (arguments, reason) in [
        (["--database", database.to_str().unwrap(), "--listen", &taken], "cannot listen at"),
        (["--database", missing.to_str().unwrap(), "--listen", "127.0.0.1:0"], "cannot use the database"),
    ] {
        let (output, errors) = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.starts_with("kitchen: ") && errors.contains(reason), "{errors}");
    }
    for arguments in [["--kitchen-service", "nowhere"], ["--kitchen-delay", "soon"], ["--listen", "here"]] {
        let (output, errors) = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(arguments[0]) && errors.contains(arguments[1]), "{errors}");
    }
}
