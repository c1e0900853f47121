//! An emulator that other machines reach: another machine is a network namespace at the end of a virtual cable.

use std::io::Write;
use std::process::{Command, Output};

use offhook_emulator::{Emulator, EmulatorSettings};

use crate::person::Person;

const TOKEN: &str = "t0ken-of-page";
/// Another machine, for as long as this is not dropped: the name of its namespace, and what this machine is at its end of the cable.
struct Elsewhere {
    name: String,
    here: String,
}

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

impl Elsewhere {
    /// `None` where the system lets nobody make one, which it then says.
    fn new() -> Option<Self> {
        let skip = |why: &str| {
            // Past the test harness, which keeps back what a test prints that passes.
            let _ = std::io::stderr().write_all(format!("SKIPPED service/exposed: {why}.\n").as_bytes());
            None
        };
        if Command::new("curl").arg("--version").output().is_err() {
            return skip("curl is not installed");
        }
        let process = std::process::id();
        let name = format!("offhook-{process}");
        if !ip(&format!("netns add {name}")) {
            return skip("`ip netns add` is not allowed here");
        }
        // Of the range that is for tests between networks (RFC 2544), four addresses for each process: what one that was killed
        // has left is in nobody's way.
        let (network, low) = (process / 64 % 256, process % 64 * 4);
        let [here, there] = [1, 2].map(|end| format!("198.18.{network}.{}", low + end));
        let elsewhere = Self { name: name.clone(), here };
        let here = &elsewhere.here;
        let cable = format!("offhook{}", process % 100_000);
        for step in [
            format!("link add {cable} type veth peer name there netns {name}"),
            format!("addr add {here}/30 dev {cable}"),
            format!("link set {cable} up"),
            format!("-n {name} addr add {there}/30 dev there"),
            format!("-n {name} link set there up"),
        ] {
            if !ip(&step) {
                return skip(&format!("`ip {step}` is not allowed here"));
            }
        }
        Some(elsewhere)
    }

    /// Has curl ask from there; gives its status, which is 0 where nobody answers, and the answer with its headers.
    fn asks(&self, arguments: &[&str]) -> (u16, String) {
        let curl = ["netns", "exec", &self.name, "curl", "-s", "-i", "-m", "10", "-w", "\n%{http_code}"];
        let asked = Command::new("ip").args(curl).args(arguments).output();
        let Output { stdout, .. } = asked.expect("ip is there, and has been used");
        let answer = String::from_utf8_lossy(&stdout).into_owned();
        let (answer, status) = answer.rsplit_once('\n').expect("curl writes the status");
        (status.parse().expect("curl is there"), answer.to_owned())
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // With it goes its end of the cable, and so the cable.
        ip(&format!("netns del {}", self.name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_gets_the_page_and_whip_with_the_token_and_nothing_without() {
    let Some(elsewhere) = Elsewhere::new() else { return };
    let here = elsewhere.here.clone();
    let address = format!("{here}:0").parse().unwrap();
    let settings = EmulatorSettings::default().listen(address).expose(TOKEN, ["emulator.test"]);
    let emulator = Emulator::start(settings).await.unwrap();
    let hidden = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let person = Person::new(0).await;
    let offer = person.offer().await;
    tokio::task::block_in_place(|| {
        let port = emulator.address().port();
        let url = |path: &str| format!("http://{here}:{port}{path}");
        let bearer = format!("Authorization: Bearer {TOKEN}");
        let status = |arguments: &[&str]| elsewhere.asks(arguments).0;

        for path in ["/", "/?token=another", "/page/main.js", "/emulator/state", "/emulator/events"] {
            assert_eq!(status(&[&url(path)]), 401, "{path}");
        }
        let (opened, headers) = elsewhere.asks(&[&url(&format!("/?token={TOKEN}"))]);
        assert_eq!(opened, 303);
        let set = headers.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
        let cookie = format!("Cookie: {}", set.split(';').next().unwrap());
        for path in ["/", "/page/main.js", "/emulator/state"] {
            assert_eq!(status(&["-H", &cookie, &url(path)]), 200, "{path}");
            assert_eq!(status(&["-H", &bearer, &url(path)]), 200, "{path}");
        }
        // By the name that it was told, and by no other: that could be anybody's page in a browser there.
        for (name, expected) in [("emulator.test", 200), ("another.test", 403)] {
            let resolved = format!("{name}:{port}:{here}");
            let named = format!("http://{name}:{port}/emulator/state");
            assert_eq!(status(&["--resolve", &resolved, "-H", &bearer, &named]), expected, "{name}");
        }

        let whip = url("/meetings/standup/whip");
        let joins = ["-H", "Content-Type: application/sdp", "--data-binary", &offer, &whip];
        assert_eq!(status(&joins), 401);
        let (joined, answer) = elsewhere.asks(&[&["-H", &bearer][..], &joins].concat());
        assert_eq!(joined, 201, "{answer}");
        let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().trim();
        assert_eq!(status(&["-X", "DELETE", &url(location)]), 401);
        assert_eq!(status(&["-X", "DELETE", "-H", &bearer, &url(location)]), 200);

        // Bots bring tokens of their own.
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}/.default",
            emulator.client_id(),
            emulator.client_secret(),
            emulator.graph_url(),
        );
        let signs_in = url(&format!("/{}/oauth2/v2.0/token", emulator.tenant_id()));
        assert_eq!(status(&["-d", &form, &signs_in]), 200);
        assert_eq!(status(&[&url("/v1.0/communications/calls/1")]), 401);
        // And an emulator that is not exposed is not there.
        let port = hidden.address().port();
        assert_eq!(status(&[&format!("http://{here}:{port}/")]), 0);
    });
}
