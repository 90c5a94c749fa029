"""What is ready before the first order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FIRST_ORDER = """
import datetime as dt
import sys
from pathlib import Path

import mappings
from bench.chart import made_chart, made_order
from service.app import create_app
from service.settings import read_settings

create_app(read_settings({"IMAGING_CDS_DATA_DIR": sys.argv[1]}, open=True))
opened = []
sys.addaudithook(lambda event, seen: opened.append(str(seen[0])) if event == "open" else None)
today = dt.date.today()
order = made_order(today)
records = mappings.read_records(made_chart(today), "bench")
orders = mappings.read_orders([order], records)
chart = mappings.Chart(records, orders, today, drafts=[order])
chart.facts(orders[0], orders[0].study)
print([name for name in opened if Path(name).suffix in (".csv", ".yaml", ".txt", ".xml")])
"""


def test_no_table_is_left_for_the_first_order_to_read(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_ORDER, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"
