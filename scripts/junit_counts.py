#!/usr/bin/env python3
"""Prints `passed failed skipped` of a JUnit file, and the names of skipped tests on stderr.

A test that passed and whose fixture then failed is one failed test, not one of each. Needs nothing
but Python, so that ./test can count before and without the suite's own packages.
"""

import sys
import xml.etree.ElementTree as ET


def main(path):
    failed, skipped, passed = set(), set(), set()
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(name)
        elif (reason := case.find("skipped")) is not None:
            skipped.add(name)
            print(f"skipped: {name}: {reason.get('message')}", file=sys.stderr)
        else:
            passed.add(name)
    print(len(passed - failed), len(failed), len(skipped - failed))


if __name__ == "__main__":
    main(sys.argv[1])
