"""The command line of the scripts that write one folder a case."""
import argparse
import fnmatch
import os
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))


def write_cases(doc, group, cases):
    """`cases`: name -> what fills the empty folder given to it. They lie in `group` unless --out says otherwise."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", metavar="PATTERN")
    parser.add_argument("--out", default=os.path.join(HERE, group), metavar="FOLDER")
    args = parser.parse_args()
    for name, fill in cases.items():
        if not fnmatch.fnmatch(name, args.only):
            continue
        folder = os.path.join(args.out, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        fill(folder)
        size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs)
        print("%s: %d KB" % (name, size // 1024), flush=True)
