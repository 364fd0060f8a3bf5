"""Chooses the first actives of the library as queries.

    choose.py LIBRARY COUNT QUERIES
"""
import sys

import pyarrow as pa
import pyarrow.compute as pc


def main(library_path, count, queries_path):
    with pa.memory_map(library_path) as file:
        library = pa.ipc.open_file(file).read_all()
        actives = library.filter(library["active"])
        if actives.num_rows <= int(count):
            sys.exit(
                f"{actives.num_rows} actives pass, and {count} are to be looked for; at least one more is "
                "needed to be found: give more actives, or fewer queries with -p queries=N"
            )
        order = pc.sort_indices(actives, sort_keys=[("id", "ascending")])
        queries = actives.take(order[: int(count)]).select(["id", "bits"])
        with pa.OSFile(queries_path, "wb") as target, pa.ipc.new_file(target, queries.schema) as writer:
            writer.write_table(queries)


main(*sys.argv[1:])
