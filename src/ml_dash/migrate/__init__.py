"""What leads a program of 0.6 to 1.0.

``ml-dash migrate`` is made of these, and scripts may be, too::

    report.collect(paths)          the lines of code that runs and logs have met
    check.check(paths)             the uses in code, without running it
    fix.fix_all(checked)           the same code, rewritten (needs LibCST: the extra ``migrate``)
    rehearsal.rehearse(command)    a program under 1.0, with its calls failing one at a time
    store.check_store(root, ...)   folders that 0.6 has written: what is damaged, and mended

``check`` uses several processes where there is much to read: call it below
``if __name__ == "__main__":`` where Python starts them anew.
"""

from __future__ import annotations
