"""Solves and installs conda packages by py-rattler, with the command line of micromamba.

Tests call it where none of micromamba, mamba, conda and pixi is at hand. It knows only what Sunward
asks of them: `create --dry-run --json`, and `create --file` with a list of exact packages.
"""

import asyncio
import json
import os
import sys

import rattler


def words(arguments):
    """Splits a command line into options with values, options without, and the rest."""
    valued = {"--prefix": [], "--file": [], "--channel": []}
    flags, rest = [], []
    waiting = iter(arguments)
    for word in waiting:
        if word in valued:
            valued[word].append(next(waiting))
        elif word.startswith("-"):
            flags.append(word)
        else:
            rest.append(word)
    known = {"--dry-run", "--json", "--yes", "--no-pin", "--override-channels", "--quiet"}
    if set(flags) - known:
        sys.exit(f"unknown options: {sorted(set(flags) - known)}")
    return valued, flags, rest


async def solve(channels, specs):
    gateway = rattler.Gateway(cache_dir=os.environ["CONDA_PKGS_DIRS"] + "/repodata")
    return await rattler.solve(
        channels,
        specs,
        gateway=gateway,
        platforms=[rattler.Subdir.current(), "noarch"],
        virtual_packages=rattler.VirtualPackage.detect(),
    )


def plan(prefix, channels, specs):
    try:
        records = asyncio.run(solve(channels, specs))
    except Exception as error:
        print(json.dumps({"success": False, "solver_problems": [str(error)]}), flush=True)
        os._exit(1)
    linked = [
        {
            "name": one.name.source,
            "version": str(one.version),
            "build": str(one.build),
            "build_string": str(one.build),
            "url": one.url,
            "sha256": one.sha256.hex(),
        }
        for one in records
    ]
    actions = {"FETCH": [], "LINK": linked, "PREFIX": prefix}
    print(json.dumps({"actions": actions, "dry_run": True, "prefix": prefix, "success": True}))


def install(prefix, file):
    with open(file) as lines:
        lines = [line.strip() for line in lines]
    records = [record(line) for line in lines[lines.index("@EXPLICIT") + 1 :]]
    asyncio.run(
        rattler.install(records, prefix, cache_dir=os.environ["CONDA_PKGS_DIRS"], show_progress=False)
    )


def record(line):
    url, digest = line.rsplit("#", 1)
    folder, name = url.rsplit("/", 1)
    stem = name.removesuffix(".conda").removesuffix(".tar.bz2")
    name_of, version, build = stem.rsplit("-", 2)
    package = rattler.PackageRecord(
        name=name_of,
        version=version,
        build=rattler.BuildString(build),
        build_number=0,
        subdir=folder.rsplit("/", 1)[1],
        sha256=bytes.fromhex(digest),
    )
    return rattler.RepoDataRecord(package, name, url, folder.rsplit("/", 1)[0])


def main():
    if sys.argv[1:] == ["--version"]:
        print("py-rattler", rattler.__version__)
        return
    if sys.argv[1:2] != ["create"]:
        sys.exit(f"unknown command {sys.argv[1:2]}")
    valued, flags, rest = words(sys.argv[2:])
    (prefix,) = valued["--prefix"]
    if "--dry-run" in flags:
        plan(prefix, valued["--channel"], rest)
    else:
        install(prefix, *valued["--file"])


main()
sys.stdout.flush()
# The library's threads may still run, and must not meet an interpreter that is being taken apart.
os._exit(0)
