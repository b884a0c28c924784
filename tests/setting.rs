//! The setting, in the process and from the environment.

mod support;

use std::env;
use std::process::Output;
use std::time::Duration;

use mixio::Io;

#[test]
fn text() {
    for (text, io) in [("async", Io::Async), ("blocking", Io::Blocking)] {
        assert_eq!(text.parse(), Ok(io));
        assert_eq!(io.to_string(), text);
    }
    assert_eq!(format!("{:>9}|{:<9}", Io::Async, Io::Blocking), "    async|blocking ");
    for wrong in ["", "Async", "async ", "sync", "0"] {
        let error = wrong.parse::<Io>().unwrap_err();
        assert_eq!(error.to_string(), format!("{wrong:?} is neither \"async\" nor \"blocking\""));
    }
    assert_eq!(Io::default(), Io::Async);
}

/// Runs this test alone in a process of its own with that variable.
fn with_variable(test: &str, value: Option<&str>) -> Output {
    let mut command = support::limited("ulimit -c 0");
    command.args(support::runner()).arg(env::current_exe().unwrap());
    command.args(support::child_arguments(test)).envs(support::child_environment(test)).env_remove("MIXIO");
    command.envs(value.map(|value| ("MIXIO", value)));
    support::output_within(command, Duration::from_secs(120))
}

#[test]
fn from_the_environment() {
    const TEST: &str = "from_the_environment";
    if support::is_child(TEST) {
        println!("from_env: {:?}", Io::from_env().map_err(|error| error.to_string()));
        println!("current: {}", Io::current());
        Io::Blocking.set();
        println!("set: {}", Io::current());
        return;
    }
    for (value, expected) in
        [(None, "async"), (Some(""), "async"), (Some("async"), "async"), (Some("blocking"), "blocking")]
    {
        let output = with_variable(TEST, value);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{stdout}");
        assert!(stdout.contains(&format!("current: {expected}\n")), "{value:?}: {stdout}");
        assert!(stdout.contains("set: blocking\n"), "{value:?}: {stdout}");
    }
    let output = with_variable(TEST, Some("fast"));
    assert!(!output.status.success());
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains(r#"from_env: Err("\"fast\" is neither \"async\" nor \"blocking\"")"#), "{stdout}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let sentence = "the environment variable MIXIO: \"fast\" is neither \"async\" nor \"blocking\"";
    assert!(stderr.contains(sentence), "{stderr}");
}
