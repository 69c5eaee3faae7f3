//! Wrong input: each is told with its culprit and its remedy, and with the right exit code.

use crate::bench::{Bench, KILL, Said};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn an_unknown_key_is_told_with_file_and_line() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", &KILL.replace("baseline_s", "base_line_s"));
    let said = bench.run(&["compare", &scenario]).exits(2);
    said.tells(&["mine.toml:8:", "base_line_s", "did you mean 'baseline_s'"]);
}

#[test]
fn an_unknown_stack_is_told_with_the_nearest_one() {
    let bench = Bench::new();
    bench
        .run(&["compare", "--stack", "stateles-redis"])
        .exits(2)
        .tells(&["stateles-redis", "did you mean 'stateless-redis'"]);
}

#[test]
fn an_unknown_scenario_is_told_with_the_nearest_one() {
    let bench = Bench::new();
    bench.run(&["compare", "server-kil"]).exits(2).tells(&["'server-kil'", "did you mean 'server-kill'"]);
    bench.run(&["plan", "no/such.toml"]).exits(2).tells(&["no/such.toml", "lab list"]);
}

#[test]
fn what_is_no_scenario_is_told_however_long_it_is() {
    let bench = Bench::new();
    bench.run(&["plan", "/dev/zero"]).exits(2).tells(&["/dev/zero", "longer than"]);
}

#[test]
fn a_stack_whose_store_has_no_versions_cannot_be_asked_to_compare_them() {
    let bench = Bench::new();
    bench.run(&["compare", "all-quiet", "--stack", "stateless-cookie+optimistic"]).exits(2).tells(&[
        "stateless-cookie+optimistic",
        "no versions",
        "last-write-wins",
    ]);
}

#[test]
fn a_negative_time_is_told_with_its_key_and_line() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", &KILL.replace("recovery_s = 0.5", "recovery_s = -1"));
    bench.run(&["compare", &scenario]).exits(2).tells(&["mine.toml:8:", "phases.recovery_s is -1"]);
}

#[test]
fn a_fault_after_the_end_is_told_with_the_window() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", &KILL.replace("at_s = 2", "at_s = 99"));
    bench.run(&["check", &scenario]).exits(2);
    bench.run(&["compare", &scenario]).exits(2).tells(&["mine.toml:13:", "fault at 99 s", "2 s to 3 s"]);
}

#[test]
fn a_port_in_use_is_told_with_its_number() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_lab")).parent().unwrap();
    let server =
        Command::new(folder.join("stateful-server")).args(["--listen", &addr.to_string()]).output().unwrap();
    let said = Said::from(server).tells(&[&addr.port().to_string(), "in use", "--listen"]);
    assert_ne!(said.code, Some(0));
}

#[test]
fn a_demo_that_finds_its_port_taken_leaves_the_latest_run_as_it_was() {
    let bench = Bench::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    bench
        .run(&["demo", "--no-open", "--stack", "stateless-sqlite", "--port", &port])
        .exits(4)
        .tells(&["--port", &port]);
    assert!(!bench.path().join("results/latest").exists(), "there is nothing to point to");
}

#[test]
fn a_class_is_told_of_the_address_that_no_phone_can_open() {
    let bench = Bench::new();
    let demo = ["demo", "--no-open", "--stack", "stateless-sqlite", "--class", "--class-address"];
    let with = |address| bench.run(&[&demo[..], &[address]].concat());
    with("0.0.0.0").exits(2).tells(&["--class-address 0.0.0.0", "name one of this machine's own"]);
    // TEST-NET-1 (RFC 5737): no machine has it.
    with("192.0.2.1").exits(4).tells(&["192.0.2.1", "choose another with --class-address"]);
}

#[test]
fn a_store_that_is_asked_for_and_not_installed_is_exit_code_4_with_what_installs_it() {
    let bench = Bench::new();
    let mut command = bench.lab(&["compare", "--stack", "stateless-redis"]);
    // Nothing is on this PATH, and Debian puts redis-server nowhere else.
    let said = Said::from(command.env("PATH", bench.path()).output().unwrap());
    said.exits(4).tells(&["redis-server is not installed", "just setup", "apt-get install redis-server"]);
}

#[test]
fn without_an_installed_store_the_rest_is_compared_and_the_omission_is_told() {
    let bench = Bench::new();
    let text = KILL.replace(r#", "stateless-postgres""#, "");
    let scenario = bench.scenario("mine", &text);
    let mut command = bench.lab(&["compare", &scenario]);
    let said = Said::from(command.env("PATH", bench.path()).output().unwrap()).exits(0);
    assert!(said.out.contains("stateless-sqlite") && said.out.contains("stateless-redis"), "{}", said.out);
    said.tells(&["left out: stateless-redis", "just setup"]);
}

#[test]
fn a_store_url_that_refuses_is_exit_code_4_and_its_password_is_not_shown() {
    let bench = Bench::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (flag, scheme, stack) in
        [("--redis-url", "redis", "stateless-redis"), ("--postgres-url", "postgres", "stateless-postgres")]
    {
        let url = format!("{scheme}://me:secret@127.0.0.1:{nobody}/x");
        let said = bench.run(&["compare", "server-kill", "--quick", "--stack", stack, flag, &url]).exits(4);
        assert!(!said.err.contains("secret") && !said.out.contains("secret"), "{}{}", said.out, said.err);
        said.tells(&[&format!("127.0.0.1:{nobody}"), "check the URL"]);
        let run = fs::read_to_string(bench.latest().join("run.json")).unwrap();
        assert!(!run.contains("secret"), "{run}");
    }
}

#[test]
fn an_unwritable_results_folder_is_exit_code_4_with_its_path() {
    let bench = Bench::new();
    let file = bench.path().join("file");
    fs::write(&file, "").unwrap();
    let out = file.join("results").display().to_string();
    bench.run(&["compare", "--stack", "stateful", "--out", &out]).exits(4).tells(&[&out, "--out"]);
    let locked = bench.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere but where the kernel itself forbids it.
    let out = if nix::unistd::geteuid().is_root() {
        "/proc/results".to_owned()
    } else {
        locked.display().to_string()
    };
    bench.run(&["compare", "--stack", "stateful", "--out", &out]).exits(4).tells(&[&out, "--out"]);
}

#[test]
fn a_full_disk_is_exit_code_4_and_says_so() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", KILL);
    let small = bench.path().join("small");
    fs::create_dir(&small).unwrap();
    let lab = bench.lab(&["compare", &scenario, "--stack", "stateful", "--out", small.to_str().unwrap()]);
    // A disk of 64 KiB, in a name space of its own.
    let mut command = Command::new("unshare");
    command.args(if nix::unistd::geteuid().is_root() {
        &["--mount"][..]
    } else {
        &["--mount", "--map-root-user"]
    });
    let script = r#"mount -t tmpfs -o size=64k none "$0" && exec "$@""#;
    command.args(["sh", "-c", script]).arg(&small).arg(lab.get_program()).args(lab.get_args());
    for (name, value) in lab.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let said = Said::from(command.current_dir(bench.path()).output().unwrap()).exits(4);
    said.tells(&["small", "the disk is full", "--out"]);
    assert_eq!(bench.processes(), Vec::<String>::new());
}

#[test]
fn too_few_open_files_is_exit_code_4_with_the_number_that_is_needed() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", &KILL.replace("shoppers = 60", "shoppers = 2000"));
    let lab = bench.lab(&["compare", &scenario, "--stack", "stateful"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 256 && exec \"$@\"", "sh"]).arg(lab.get_program()).args(lab.get_args());
    let said = Said::from(command.current_dir(bench.path()).output().unwrap());
    said.exits(4).tells(&["4256", "256", "ulimit -n"]);
}

#[test]
fn a_journal_cut_short_is_inconclusive_and_told_with_its_file_and_line() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", KILL);
    bench.run(&["compare", &scenario, "--stack", "stateful"]).exits(0);
    let trial =
        fs::read_dir(bench.latest()).unwrap().flatten().map(|e| e.path()).find(|path| path.is_dir()).unwrap();
    let journal = trial.join("journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() / 2]).unwrap();
    let said = bench.run(&["report"]).exits(3);
    assert!(said.out.contains("cut short"), "{}", said.out);
    fs::write(&journal, &whole[..40]).unwrap();
    bench.run(&["report"]).exits(3).tells(&["journal.jsonl", "cut short"]);
    fs::remove_file(&journal).unwrap();
    bench.run(&["report"]).exits(3).tells(&["journal.jsonl"]);
}

#[test]
fn what_a_newer_lab_wrote_is_refused_and_left_as_it_is() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", KILL);
    bench.run(&["compare", &scenario, "--stack", "stateful"]).exits(0);
    let newer = |file: &str, old: &str, new: &str| {
        let path = bench.latest().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file}");
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        bench.run(&["report"]).exits(2).tells(&[file, "newer", "use the lab that wrote it"]);
        assert!(fs::read_to_string(&path).unwrap().contains(new), "{file} was overwritten");
        fs::write(&path, text).unwrap();
    };
    newer("run.json", "\"format\": 1", "\"format\": 9");
    newer("results.json", "\"schema_version\": 1", "\"schema_version\": 9");
    bench.run(&["report"]).exits(0);
}

#[test]
fn a_folder_that_is_no_run_is_exit_code_2() {
    let bench = Bench::new();
    bench.run(&["report", "."]).exits(2).tells(&["run.json", "name the folder of a run"]);
}

#[test]
fn a_scenario_or_a_stack_named_twice_is_refused() {
    let bench = Bench::new();
    bench.run(&["compare", "all-quiet", "all-quiet"]).exits(2).tells(&["named twice"]);
    bench
        .run(&["compare", "--stack", "stateful", "--stack", "memory+cookie-insert"])
        .exits(2)
        .tells(&["named twice"]);
}

#[test]
fn an_unknown_flag_or_command_is_exit_code_2() {
    let bench = Bench::new();
    bench.run(&["compare", "--sed", "3"]).exits(2).tells(&["--sed", "--seed"]);
    bench.run(&["compair"]).exits(2).tells(&["compair", "compare"]);
    bench.run(&["compare", "--repeat", "0"]).exits(2).tells(&["--repeat"]);
}

#[test]
fn postgres_as_root_in_a_folder_that_its_user_may_not_enter_is_exit_code_4_with_the_folder() {
    if !nix::unistd::geteuid().is_root() {
        // Postgres runs as the user of the tests then, who may enter every folder of theirs.
        return;
    }
    let bench = Bench::new();
    let scenario = bench.scenario("mine", KILL);
    let closed = bench.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = bench.lab(&["compare", &scenario, "--stack", "stateless-postgres"]);
    let said = Said::from(command.env("TMPDIR", &closed).output().unwrap()).exits(4);
    said.tells(&["Postgres does not run as root", "closed", "TMPDIR"]);
}

#[test]
fn a_fault_on_somebody_elses_store_is_refused_before_anything_starts() {
    let bench = Bench::new();
    let nobody = "redis://127.0.0.1:1/";
    for (action, target) in [("kill", "store"), ("cut", "server-store")] {
        let text = KILL.replace("\"kill\"", &format!("\"{action}\"")).replace("busiest-server", target);
        let scenario = bench.scenario("mine", &text);
        let said = bench.run(&["compare", &scenario, "--redis-url", nobody]).exits(2);
        said.tells(&[
            &format!("would {action} the {target} of stateless-redis"),
            "--redis-url",
            "somebody else's",
        ]);
        assert!(!bench.path().join("results").exists(), "nothing was begun");
    }
}

#[test]
fn a_fault_that_hits_nobody_is_told_before_it_runs() {
    let bench = Bench::new();
    let (head, _) = KILL.split_once("[[expect]]").unwrap();
    let scenario = bench.scenario("mine", &head.replace("busiest-server", "store"));
    let said = bench.run(&["compare", &scenario, "--stack", "stateful"]).exits(0);
    said.tells(&["kill store at 2 s hits nobody: stateful has none, and will be spared"]);
    let page = fs::read_to_string(bench.latest().join("report.html")).unwrap();
    assert!(page.contains("this stack has none, and is spared"));
}

#[test]
fn names_in_faults_and_promises_are_told_with_the_nearest_right_ones() {
    let bench = Bench::new();
    let faults = [
        ("at_s = 2", "at = 2", "did you mean 'at_s'?"),
        ("\"kill\"", "\"kil\"", "did you mean 'kill'?"),
        ("busiest-server", "busyest-server", "did you mean 'busiest-server'?"),
        ("busiest-server", "primary-replika", "did you mean 'primary-replica'?"),
        ("busiest-server", "servers", "it can hit: busiest-server, same-server, store, replica, server-1"),
        ("at_s = 2", "at_s = 2\ntimes = 2", "times does not belong to the action kill, but to crash-loop"),
        ("\"sessions-lost\"", "\"session-lost\"", "did you mean 'sessions-lost'?"),
        ("[\"stateless-*\"]", "[\"stateles-*\"]", "did you mean 'stateless-*'?"),
        ("max = 0", "maximum = 0", "unknown field `maximum`"),
    ];
    for (piece, by, told) in faults {
        assert!(KILL.contains(piece), "{piece}");
        let scenario = bench.scenario("mine", &KILL.replacen(piece, by, 1));
        bench.run(&["compare", &scenario]).exits(2).tells(&["mine.toml:", told]);
    }
}
