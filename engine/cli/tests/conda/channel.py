"""Makes a channel of conda packages in the folder $1. `sw-tool` needs `sw-lib`, whose versions are $2…"""

import hashlib
import io
import json
import os
import sys
import tarfile

HERE = "/opt/placehold"


def package(channel, records, name, version, depends, files, subdir):
    index = {
        "name": name,
        "version": version,
        "build": "h_0",
        "build_number": 0,
        "depends": depends,
        "subdir": subdir,
        "timestamp": 1700000000000,
    }
    if subdir == "noarch":
        index["noarch"] = "generic"
    paths = []
    for path, text in files.items():
        data = text.encode()
        one = {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        if HERE in text:
            one.update(file_mode="text", prefix_placeholder=HERE)
        paths.append(one)
    members = {
        "info/index.json": json.dumps(index),
        "info/paths.json": json.dumps({"paths_version": 1, "paths": paths}),
        "info/about.json": "{}",
        "info/files": "".join(f"{path}\n" for path in files),
        "info/has_prefix": "".join(f"{HERE} text {p}\n" for p, t in files.items() if HERE in t),
        **files,
    }
    archive = f"{channel}/{subdir}/{name}-{version}-h_0.tar.bz2"
    with tarfile.open(archive, "w:bz2") as tar:
        for path, text in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            member.mode = 0o755 if path.startswith("bin/") else 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    with open(archive, "rb") as file:
        data = file.read()
    digests = {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()}
    records[subdir][os.path.basename(archive)] = {**index, "size": len(data), **digests}


def main(channel, platform, *versions):
    records = {"noarch": {}, platform: {}}
    for subdir in records:
        os.makedirs(f"{channel}/{subdir}", exist_ok=True)
    for version in versions:
        text = {"share/sw.txt": f"lib {version}\n"}
        package(channel, records, "sw-lib", version, [], text, "noarch")
    files = {
        "bin/sw-tool": f"#!/bin/sh\necho {HERE}\ncat {HERE}/share/sw.txt\n",
        "etc/conda/activate.d/sw.sh": 'export SW_DATA="$CONDA_PREFIX/share"\n',
    }
    package(channel, records, "sw-tool", "1.0", ["sw-lib >=1"], files, platform)
    for subdir, packages in records.items():
        with open(f"{channel}/{subdir}/repodata.json", "w") as file:
            index = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}}
            json.dump({**index, "repodata_version": 1}, file)


main(*sys.argv[1:])
