"""Prints what the SDK can ask of the calls API, as JSON: verb and path of each request."""

import importlib
import inspect
import json
import re
from pathlib import Path

from msgraph.generated.communications import calls

VERBS = ("get", "post", "patch", "delete", "put")


def requests():
    # The generated folders are no packages, so that nothing but their files tells what is in them.
    [folder] = map(Path, calls.__path__)
    for file in folder.rglob("*_request_builder.py"):
        name = ".".join([calls.__name__, *file.relative_to(folder).with_suffix("").parts])
        module = importlib.import_module(name)
        for builder in vars(module).values():
            if inspect.isclass(builder) and builder.__module__ == name:
                path = re.search(r'"\{\+baseurl\}(.*?)(?:\{\?.*)?"', inspect.getsource(builder.__init__)).group(1)
                yield from (f"{verb.upper()} {path}" for verb in VERBS if hasattr(builder, verb))


print(json.dumps(sorted(requests())))
