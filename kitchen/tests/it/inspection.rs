//! `/inspect/`.

use super::client::{PATIENCE, begin_post, get, receive, send};
use super::fake_kitchen::patient_kitchen;
use super::host::Host;
use super::program::{Program, kitchen};

#[test]
fn it_shows_where_a_view_waits() {
    let (service, is_asked, go_on) = patient_kitchen();
    let directory = tempfile::tempdir().unwrap();
    let environment = [("KITCHEN_SERVICE", &*service.url), ("KITCHEN_TIMEOUT", "30s"), ("KITCHEN_INSPECT", "1")];
    // As a process of its own: there are no views of other tests in it.
    let (program, address) =
        Program::start(kitchen().current_dir(&directory).env_remove("DATABASE_URL").envs(environment));
    let client = begin_post(address, "/", "details=pizza&user=inspected");
    is_asked.recv_timeout(PATIENCE).unwrap();
    let reply = get(address, "/inspect/");
    let line = reply.body.lines().find(|line| line.contains("\"kitchen::views::food_delivery\" waits "));
    let line = line.unwrap_or_else(|| panic!("{reply:?}"));
    assert!(line.contains("kitchen/src/http/waiting.rs:") && line.contains("bytes of stack"), "{line}");
    let reply = get(address, "/inspect/?backtraces=1");
    // Which functions have a frame of their own is up to the optimizer: it doesn't leave this one everywhere.
    let frame = if cfg!(debug_assertions) { ": kitchen::http::Http::post" } else { ": kitchen::" };
    assert!(reply.body.contains(frame), "{}", reply.body);
    go_on.send(()).unwrap();
    assert_eq!(receive(client).status, 200);
    program.signal("INT");
    program.assert_ends_well();
}

#[test]
fn it_is_for_this_machine() {
    let host = Host::new(&["--inspect"]);
    assert_eq!(get(host.address, "/inspect/").status, 200);
    let head = "GET /inspect/ HTTP/1.1\r\nhost: kitchen\r\nx-forwarded-for: 192.0.2.1\r\n\r\n";
    receive(send(host.address, head)).assert_error(404);
}

#[test]
fn it_says_how_to_switch_it_on() {
    let directory = tempfile::tempdir().unwrap();
    let (program, address) = Program::start(kitchen().current_dir(&directory).env_remove("DATABASE_URL"));
    let reply = get(address, "/inspect/");
    assert!(reply.status == 200 && reply.body.contains("--inspect"), "{reply:?}");
    program.signal("INT");
    program.assert_ends_well();
}
