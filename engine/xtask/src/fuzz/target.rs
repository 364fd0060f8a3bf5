//! The targets of fuzzing: a kind of file, its seeds, and the commands that read it.

use std::path::Path;

use anyhow::{Context, Result};

use super::trial::Program;

/// A workflow that reads a table in each form in which a command can get it: Arrow, Parquet and
/// CSV.
const READ_TABLE: &str = "name: fuzz\nstages:\n  a: { run: [/bin/true], inputs: { i: { from: ./INPUT, as: arrow } } }\n  c: { run: [/bin/true], inputs: { i: { from: ./INPUT, as: csv } } }\n  p: { run: [/bin/true], inputs: { i: { from: ./INPUT, as: parquet } } }\n";

/// A workflow whose run leaves a journal with facts, a list of runs and records of results.
const RECORDED: &str = "name: w\nstages:\n  a: { run: 'echo ${{ item }} > ${{ outputs.o }}', scatter: { range: 3 }, outputs: { o: { format: file } } }\n  b: { run: 'printf \"x\\\\n1\\\\n\" > ${{ outputs.o }}', needs: a, outputs: { o: { format: csv } } }\noutputs: { o: b.o }\n";

/// The commands of targets that are tables.
const TABLE: &[&[&str]] = &[
    &["check", "workflow.yaml"],
    &["run", "workflow.yaml", "--home", "home"],
];

/// A kind of input.
pub(super) struct Target {
    /// The name on the command line.
    pub(super) name: &'static str,
    /// The file to which the input is written.
    pub(super) file: &'static str,
    /// The workflow beside that file; `None` if the input itself is the workflow, or none is
    /// needed.
    pub(super) workflow: Option<&'static str>,
    /// The arguments of each command, which run in this order.
    pub(super) commands: &'static [&'static [&'static str]],
    /// Files of the project that serve as seeds.
    seeds: &'static [&'static str],
    /// Seeds that are short enough for this file.
    texts: &'static [&'static str],
    /// Commands of the program that write the file. The result is a seed.
    made_by: &'static [&'static [&'static str]],
    /// The server whose answer to every request is the input, if it is not a file.
    pub(super) answer_of: Option<Server>,
}

/// A server that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// A bucket. The commands are those of the example `ask_bucket`, because a run waits for a bucket
    /// that gives wrong answers.
    Bucket,
    /// A grid operator's.
    Operator,
}

/// The default values of a target.
const PLAIN: Target = Target {
    name: "",
    file: "",
    workflow: None,
    commands: &[],
    seeds: &[],
    texts: &[],
    made_by: &[],
    answer_of: None,
};

const fn table(
    name: &'static str,
    file: &'static str,
    seeds: &'static [&'static str],
    texts: &'static [&'static str],
) -> Target {
    Target {
        name,
        file,
        workflow: Some(READ_TABLE),
        commands: TABLE,
        seeds,
        texts,
        ..PLAIN
    }
}

/// All targets.
pub(super) const TARGETS: &[Target] = &[
    table(
        "csv",
        "input.csv",
        &["examples/bring-your-own/data/stations.csv"],
        &["id,x,t\n001,1.5,2020-01-01\n002,NaN,\n", "a;b\n\"x;\n"],
    ),
    table(
        "parquet",
        "input.parquet",
        &["examples/similarity-screen/data/queries.parquet"],
        &[],
    ),
    table(
        "arrow",
        "input.arrow",
        &[
            "engine/xtask/corpus/types.arrow",
            "engine/xtask/corpus/binary.arrow",
            "engine/xtask/corpus/stream.arrows",
        ],
        &[],
    ),
    table(
        "netcdf",
        "input.nc",
        &[
            "engine/xtask/corpus/grid.nc",
            "engine/data/tests/netcdf/stations.nc",
        ],
        &[],
    ),
    table(
        "pdbqt",
        "input.pdbqt",
        &["examples/pose-rescoring/data/1iep_ligand.pdbqt"],
        &[],
    ),
    table(
        "sdf",
        "input.sdf",
        &[],
        &[
            "methane\n  x\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n    1.0000    0.0000    0.0000 N   0  0\n  1  2  1  0\nM  CHG  1   2   1\nM  END\n> <id>\n7\n\n$$$$\n",
            "v3\n  x\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 1 0 0 0 0\nM  V30 BEGIN ATOM\nM  V30 1 C 0 0 0 0\nM  V30 END ATOM\nM  V30 END CTAB\nM  END\n$$$$\n",
        ],
    ),
    table(
        "smi",
        "input.smi",
        &[],
        &[
            "CCO ethanol\nc1ccccc1\tbenzene\n",
            "SMILES name\nC[C@H](N)C(=O)O |r| ala\n",
        ],
    ),
    Target {
        name: "yaml",
        file: "workflow.yaml",
        workflow: None,
        commands: &[
            &["check", "workflow.yaml"],
            &["check", "workflow.yaml", "--json"],
            &["plan", "workflow.yaml"],
            &["graph", "workflow.yaml"],
        ],
        seeds: &[
            "examples/bring-your-own/workflow.yaml",
            "examples/similarity-screen/workflow.yaml",
            "examples/clean-hours/workflow.yaml",
        ],
        texts: &[
            "name: w\nparams: { k: { type: int, default: 3 } }\nstages:\n  a:\n    run: \"echo ${{ params.k * 2 }} | head -1\"\n    scatter: { range: 3 }\n    resources: { memory: 1 GiB, cpus: 2 }\n",
        ],
        ..PLAIN
    },
    Target {
        name: "expressions",
        file: "workflow.yaml",
        workflow: None,
        commands: &[
            &["check", "workflow.yaml"],
            &["run", "workflow.yaml", "--home", "home"],
        ],
        seeds: &[],
        texts: &[
            "name: w\nstages: { a: { run: [/bin/true, \"${{ [1, 2]|batch(2, 0)|list }}\"] } }\n",
            "name: w\nparams: { s: { type: string, default: ab } }\nstages: { a: { run: [/bin/true, \"${{ params.s|replace('a', 'xx')|indent(4) ~ (range(9)|join('-')) }}\"] } }\n",
            "name: w\nstages: { a: { run: [/bin/true, \"${{ ('%05d'|format(7)) if 4 is divisibleby(2) else 2 ** 10 % 7 }}\"] } }\n",
        ],
        ..PLAIN
    },
    Target {
        name: "scripts",
        file: "workflow.yaml",
        workflow: None,
        commands: &[&["check", "workflow.yaml"]],
        seeds: &[],
        texts: &[
            "name: w\nstages:\n  a:\n    scatter: [x, y]\n    setup: export PY=python3\n    env: { T: awk }\n    run: |\n      cmd=(nice -n 5); cmd+=(\"$T\"); run() { shift; \"$@\"; }\n      case \"$1\" in a|b) x=${y:-z} ;; *) x=$(date +%j) ;; esac\n      for i in 1 2 3; do run a \"${cmd[@]}\" '$1 > 3' \"f_$i.txt\"; done | sort -k2 > o.txt\n      tool --in=${{ item }} \"$x\" <<EOF\n      ${{ item }} $(wc -l < o.txt)\n      EOF\n",
            "name: w\nstages:\n  a:\n    scatter: [x, y]\n    run: |\n      f=$(mktemp); echo ${{ item }} | tee \"$f\" > /dev/null\n      while read -r a b; do [ \"$a\" -gt 3 ] && n=$((n + 1)) || true; done < \"$f\"\n      [[ $n == a* ]] && (( n > 3 )) ; exec 3> x.log; echo \"${b%%.*}\" >&3\n      find . -name '*.txt' -exec bash -c 'echo \"$1\"' _ {} \\; | xargs -I{} cp {} d/\n      bash -c 'x=$1; eval \"$x\"' _ a; python3 - ${{ item }} <<'EOF'\n      print(1)\n      EOF\n",
        ],
        ..PLAIN
    },
    Target {
        name: "fleet",
        file: "fleet.yaml",
        workflow: Some("name: w\nstages: { a: { run: [/bin/true] } }\n"),
        commands: &[&["plan", "workflow.yaml", "--fleet", "fleet.yaml"]],
        seeds: &["examples/clean-hours/fleet.yaml"],
        texts: &["- { pool: a, zone: DE, timezone: Europe/Berlin, pue: 1.2, capacity: 4 }\n"],
        ..PLAIN
    },
    Target {
        name: "trace",
        file: "grid/DE.csv",
        workflow: Some("name: w\nstages: { a: { run: [/bin/true] } }\n"),
        commands: &[&["plan", "workflow.yaml", "--zone", "DE", "--grid", "grid"]],
        seeds: &["examples/clean-hours/grid/SOLAR-SOUTH.csv"],
        texts: &[
            "timestamp_utc,carbon_intensity_gco2e_per_kwh,renewable_share\n2023-01-01T00:00:00Z,400,0.5\n2023-01-01T01:00:00Z,300,0.6\n",
        ],
        ..PLAIN
    },
    Target {
        name: "jobs",
        file: "jobs.json",
        workflow: Some("name: w\nstages: { a: { run: [/bin/true] } }\n"),
        commands: &[&[
            "simulate",
            "--jobs",
            "jobs.json",
            "--fleet",
            "FLEET",
            "--grid",
            "GRID",
        ]],
        seeds: &[],
        texts: &[
            "[{ \"arrival\": \"2023-01-09T03:00:00Z\", \"length_h\": 2, \"power_kw\": 2, \"slack_h\": 12, \"home\": \"WIND-COAST\" }]\n",
        ],
        ..PLAIN
    },
    Target {
        name: "params",
        file: "params.yaml",
        workflow: Some(
            "name: w\nparams: { k: { type: int, default: 1 }, s: { type: string, default: a } }\nstages: { a: { run: [/bin/true, \"${{ params.k }}\", \"${{ params.s }}\"] } }\n",
        ),
        commands: &[&["plan", "workflow.yaml", "--params", "params.yaml"]],
        seeds: &[],
        texts: &["k: 5\ns: \"x y\"\n", "{\"k\": 7}\n"],
        ..PLAIN
    },
    Target {
        name: "lock",
        file: "sunward.lock",
        workflow: Some(
            "name: w\nstages: { a: { run: [python, -c, pass], python: { packages: [numpy==2.0.0] } } }\n",
        ),
        commands: &[&["check", "workflow.yaml"], &["plan", "workflow.yaml"]],
        seeds: &[],
        texts: &["{ \"version\": 1, \"environments\": [] }\n"],
        ..PLAIN
    },
    Target {
        name: "s3",
        file: "answer.http",
        commands: &[&["s3://fuzz/a", "home"]],
        texts: &[
            "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n<?xml version=\"1.0\"?><ListBucketResult><Name>fuzz</Name><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>a/default/cas/00/0000</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;1&quot;</ETag><Size>9</Size></Contents></ListBucketResult>",
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\nsunward record 1\n0000000000000000000000000000000000000000000000000000000000000000\n0000000000000000000000000000000000000000000000000000000000000000\n{\"ports\":[]}",
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>",
            "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nContent-Range: bytes 0-3/18446744073709551615\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\nARRO",
        ],
        answer_of: Some(Server::Bucket),
        ..PLAIN
    },
    Target {
        name: "openadr",
        file: "answer.http",
        commands: &[&["doctor"]],
        texts: &[
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[{\"id\":\"1\",\"programID\":\"1\",\"programName\":\"dr\",\"objectType\":\"EVENT\",\"createdDateTime\":\"2026-01-01T00:00:00Z\",\"priority\":0,\"targets\":[\"a\"],\"duration\":\"PT5H\",\"payloadDescriptors\":[{\"payloadType\":\"PRICE\",\"units\":\"KWH\",\"currency\":\"EUR\"},{\"payloadType\":\"DISPATCH_SETPOINT\",\"units\":\"KW\"}],\"intervalPeriod\":{\"start\":\"0001-01-01T00:00:00Z\",\"duration\":\"PT1H\",\"randomizeStart\":\"PT5M\"},\"intervals\":[{\"id\":0,\"payloads\":[{\"type\":\"PRICE\",\"values\":[0.17]},{\"type\":\"GHG\",\"values\":[310]}]},{\"id\":1,\"intervalPeriod\":{\"start\":\"2026-12-01T10:00:00Z\",\"duration\":\"P9999Y\"},\"payloads\":[{\"type\":\"DISPATCH_SETPOINT\",\"values\":[5]},{\"type\":\"ALERT_GRID_EMERGENCY\",\"values\":[\"line\"]}]}]}]",
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nConnection: close\r\n\r\n[{\"id\":\"2\",\"programID\":\"1\",\"targets\":[{\"type\":\"VEN_NAME\",\"values\":[\"a\"]}],\"intervals\":[{\"id\":0,\"payloads\":[{\"type\":\"IMPORT_CAPACITY_LIMIT\",\"values\":[\"30\"]}]}]},{\"id\":\"3\"},null]",
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\n{\"title\":\"down\",\"status\":503}",
        ],
        answer_of: Some(Server::Operator),
        ..PLAIN
    },
    Target {
        name: "records",
        file: "home/state.db",
        workflow: Some(RECORDED),
        commands: &[
            &["status", "--home", "home"],
            &["run", "workflow.yaml", "--fresh", "--home", "home"],
            &["show", "o", "--home", "home"],
            &["explain", "--home", "home"],
        ],
        made_by: &[&["run", "workflow.yaml", "--home", "home"]],
        ..PLAIN
    },
];

impl Target {
    /// True if the program itself makes the seeds.
    pub(super) const fn is_made(&self) -> bool {
        !self.made_by.is_empty()
    }

    /// The content of all seeds. Without a program, those that it makes are left out.
    pub(super) fn seeds(&self, root: &Path, program: Option<&Program>) -> Result<Vec<Vec<u8>>> {
        let mut seeds: Vec<Vec<u8>> = self
            .texts
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
        for seed in self.seeds {
            let path = root.join(seed);
            seeds
                .push(std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
        }
        if let Some(program) = program.filter(|_| self.is_made()) {
            seeds.push(program.make(self, self.made_by)?);
        }
        Ok(seeds)
    }
}
