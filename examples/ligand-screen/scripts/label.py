"""Joins the hits with the data of the molecules, and writes the fingerprints of the best.

    label.py HITS LIBRARY COUNT RANKING BEST
"""
import sys

import pyarrow as pa
import pyarrow.compute as pc


def read(path):
    return pa.ipc.open_file(pa.memory_map(path)).read_all()


def write(path, table):
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def main(hits_path, library_path, count, ranking_path, best_path):
    hits, library = read(hits_path), read(library_path)
    rows = pc.index_in(hits["id"], library["id"])
    found = library.take(rows)
    ranking = {name: hits[name] for name in ("rank", "id", "sim", "query")}
    ranking |= {name: found[name] for name in ("name", "active", "smiles")}
    order = ["rank", "id", "name", "active", "sim", "query", "smiles"]
    write(ranking_path, pa.table(ranking).select(order))
    write(best_path, found.select(["id", "bits"]).slice(0, int(count)))


main(*sys.argv[1:])
