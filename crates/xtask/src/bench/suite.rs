//! The gateway under load, and what it is held against, in turns.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use super::load::{self, Load, Shape, Subject};
use super::server::{self, Programs, Server};
use super::{Arguments, folder};
use crate::Host;
use crate::progress::Progress;

const CONNECTIONS: [usize; 2] = [1, 16];

/// How often each server is started to time it.
const STARTS: usize = 3;

/// How long each Worker answers before anything is measured: V8 compiles WASM quickly first and well later, function by
/// function, so that a request costs half as much again in a fresh isolate as in a busy one.
const WARM_UP_SECONDS: f64 = 5.0;

/// How long the last rows of the cost log may take to be written.
const SETTLED: Duration = Duration::from_secs(5);

/// What one host's part has shown.
#[derive(Debug, Serialize)]
pub struct Results {
    /// How long servers take to start.
    pub starts: Vec<Start>,
    /// Under load.
    pub rows: Vec<Row>,
}

/// How long a server takes to start, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Start {
    /// Which server.
    pub name: &'static str,
    /// From the process's start until it says that it is ready.
    pub ready_ms: f64,
    /// The first request after that.
    pub first_request_ms: f64,
    /// The second one.
    pub second_request_ms: f64,
}

/// One server's medians over all rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Which server.
    pub name: &'static str,
    /// What was asked.
    pub shape: Shape,
    /// Over how many connections at once.
    pub connections: usize,
    /// Answers per second.
    pub per_second: f64,
    /// Of what the pass-through answers per second, where there is one.
    pub of_passthrough: Option<f64>,
    /// Times of a request, in microseconds.
    pub p50_us: f64,
    /// As above.
    pub p99_us: f64,
    /// To the first byte.
    pub first_byte_p50_us: f64,
    /// Beyond what the mock takes by itself; nothing for the mock.
    pub added: Option<Added>,
    /// CPU time of the server's process, in microseconds.
    pub cpu_us: f64,
    /// Every measurement.
    pub rounds: Vec<Load>,
}

/// Times beyond those of the mock, in microseconds.
#[derive(Debug, Serialize)]
pub struct Added {
    /// The median request.
    pub p50_us: f64,
    /// The slowest in a hundred.
    pub p99_us: f64,
    /// The median first byte.
    pub first_byte_p50_us: f64,
}

const MOCK: &str = "the mock itself";
const PASSTHROUGH: &str = "pass-through Worker";
const JAVASCRIPT: &str = "plain JavaScript";
const GATEWAY: &str = "Sluice";
/// For a tenant with limits and a budget: one call to its counters before the request, one after.
const LIMITED: &str = "Sluice, limits and a budget";

/// Measures the gateway in workerd.
///
/// # Errors
///
/// If something does not start, or an answer is wrong.
pub fn worker(programs: &Programs, arguments: &Arguments) -> Result<Results> {
    let bundle = server::bundle(Host::Cloudflare)?;
    let folder = folder()?;
    let mock = programs.mock()?;
    let seed = server::seed(&folder, &mock.url)?;
    let passthrough_seed = server::passthrough_seed(&folder, &mock.url)?;
    let start_passthrough = || Server::workerd(&server::passthrough(), &passthrough_seed);
    let start_gateway = || Server::workerd(&bundle, &seed);

    let progress = Progress::start("workerd: starts");
    let starts = starts(&[(PASSTHROUGH, &start_passthrough), (GATEWAY, &start_gateway)])?;
    progress.done();
    let (passthrough, gateway) = (start_passthrough()?, start_gateway()?);
    let javascript = Server::workerd(&server::javascript(), &passthrough_seed)?;
    let limited = Subject { key: server::LIMITED_KEY, ..subject(LIMITED, &gateway) };
    let subjects = [
        subject(MOCK, &mock),
        subject(PASSTHROUGH, &passthrough),
        subject(JAVASCRIPT, &javascript),
        subject(GATEWAY, &gateway),
        limited,
    ];
    let progress = Progress::start("workerd: warm-up");
    for subject in subjects.iter().filter(|subject| subject.name != MOCK) {
        for shape in Shape::ALL {
            load::run(programs, &folder, subject, shape, 16, WARM_UP_SECONDS)?;
        }
    }
    progress.done();
    let rows = rows(programs, &folder, arguments, "workerd", &subjects)?;
    check_log(&gateway, &rows, GATEWAY, server::TENANT)?;
    check_log(&gateway, &rows, LIMITED, server::LIMITED)?;
    for server in [gateway, javascript, passthrough, mock] {
        server.stop()?;
    }
    Ok(Results { starts, rows })
}

/// Measures the gateway as a Spin component. Spin leaves the delay on small writes of its sockets in place, which on
/// kept connections makes an answer in two writes wait for the client's acknowledgement; both ways are measured.
///
/// # Errors
///
/// If something does not start, or an answer is wrong.
pub fn spin(programs: &Programs, arguments: &Arguments) -> Result<Results> {
    const NODELAY: &str = "Sluice, TCP_NODELAY";
    const AS_SPIN: &str = "Sluice, sockets as Spin has them";
    let bundle = server::bundle(Host::Spin)?;
    let host = server::spin_host()?;
    let folder = folder()?;
    let mock = programs.mock()?;
    let seed = server::seed(&folder, &mock.url)?;
    let start = |nodelay| Server::spin(&host, &bundle, &seed, nodelay);

    let progress = Progress::start("spin: starts");
    let starts = starts(&[(GATEWAY, &|| start(true))])?;
    progress.done();
    let (nodelay, as_spin) = (start(true)?, start(false)?);
    let limited = Subject { key: server::LIMITED_KEY, ..subject(LIMITED, &nodelay) };
    let subjects = [subject(MOCK, &mock), subject(NODELAY, &nodelay), limited, subject(AS_SPIN, &as_spin)];
    let rows = rows(programs, &folder, arguments, "spin", &subjects)?;
    check_log(&nodelay, &rows, NODELAY, server::TENANT)?;
    check_log(&nodelay, &rows, LIMITED, server::LIMITED)?;
    check_log(&as_spin, &rows, AS_SPIN, server::TENANT)?;
    for server in [as_spin, nodelay, mock] {
        server.stop()?;
    }
    Ok(Results { starts, rows })
}

fn subject<'a>(name: &'static str, server: &'a Server) -> Subject<'a> {
    Subject { name, url: &server.url, pid: server.pid, key: server::KEY }
}

type Starter<'a> = (&'static str, &'a dyn Fn() -> Result<Server>);

fn starts(starters: &[Starter<'_>]) -> Result<Vec<Start>> {
    let mut times: Vec<[Vec<f64>; 3]> = starters.iter().map(|_| Default::default()).collect();
    for _ in 0..STARTS {
        for ((_, start), [ready, first, second]) in starters.iter().zip(&mut times) {
            let server = start()?;
            ready.push(server.start_ms);
            first.push(server.request_ms(Shape::Whole.body())?);
            second.push(server.request_ms(Shape::Whole.body())?);
            server.stop()?;
        }
    }
    let start = |((name, _), [ready, first, second]): (&Starter<'_>, [Vec<f64>; 3])| Start {
        name,
        ready_ms: median(ready),
        first_request_ms: median(first),
        second_request_ms: median(second),
    };
    Ok(starters.iter().zip(times).map(start).collect())
}

/// The first subject is the mock by itself.
fn rows(
    programs: &Programs,
    folder: &Path,
    arguments: &Arguments,
    host: &str,
    subjects: &[Subject<'_>],
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in Shape::ALL {
        for connections in CONNECTIONS {
            let progress = Progress::start(&format!("{host}: {shape:?} answers, {connections} at once"));
            let mut loads: Vec<Vec<Load>> = subjects.iter().map(|_| Vec::new()).collect();
            for _ in 0..arguments.rounds {
                for (subject, loads) in subjects.iter().zip(&mut loads) {
                    loads.push(load::run(programs, folder, subject, shape, connections, arguments.seconds)?);
                }
            }
            progress.done();
            let mock = loads.first().cloned().unwrap_or_default();
            let at = subjects.iter().position(|subject| subject.name == PASSTHROUGH);
            let passthrough = at.and_then(|at| loads.get(at)).cloned();
            for (subject, rounds) in subjects.iter().zip(loads) {
                rows.push(row(subject.name, shape, connections, rounds, &mock, passthrough.as_deref()));
            }
        }
    }
    Ok(rows)
}

/// Differences and ratios are taken round by round, between neighbours in time, and only then their median.
fn row(
    name: &'static str,
    shape: Shape,
    connections: usize,
    rounds: Vec<Load>,
    mock: &[Load],
    passthrough: Option<&[Load]>,
) -> Row {
    let of = |value: fn(&Load) -> f64| median(rounds.iter().map(value));
    let beyond = |value: fn(&Load) -> f64| {
        median(rounds.iter().zip(mock).map(|(load, mock)| value(load) - value(mock)))
    };
    let ratio =
        |base: &[Load]| median(rounds.iter().zip(base).map(|(load, base)| load.per_second / base.per_second));
    Row {
        name,
        shape,
        connections,
        per_second: of(|load| load.per_second),
        of_passthrough: passthrough.filter(|_| [JAVASCRIPT, GATEWAY].contains(&name)).map(ratio),
        p50_us: of(|load| load.total_us.p50),
        p99_us: of(|load| load.total_us.p99),
        first_byte_p50_us: of(|load| load.first_byte_us.p50),
        added: (name != MOCK).then(|| Added {
            p50_us: beyond(|load| load.total_us.p50),
            p99_us: beyond(|load| load.total_us.p99),
            first_byte_p50_us: beyond(|load| load.first_byte_us.p50),
        }),
        cpu_us: of(Load::cpu_per_request),
        rounds,
    }
}

/// Every request that was answered must be in the cost log: those measured, and some before and after.
fn check_log(gateway: &Server, rows: &[Row], name: &str, tenant: &str) -> Result<()> {
    let answered: u64 = rows
        .iter()
        .filter(|row| row.name == name)
        .flat_map(|row| &row.rounds)
        .map(|load| load.requests)
        .sum();
    let deadline = Instant::now() + SETTLED;
    loop {
        let logged = gateway.logged(tenant)?;
        if answered <= logged {
            return Ok(());
        }
        if deadline < Instant::now() {
            bail!("{name}: {answered} requests were answered and {logged} are in the cost log");
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), middle.checked_sub(1).and_then(|below| values.get(below))) {
        (Some(upper), Some(lower)) if values.len().is_multiple_of(2) => f64::midpoint(*upper, *lower),
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([1.0, 4.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }
}
