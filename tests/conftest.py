"""Tests run in as many processes as there are cores, so each of them, and what it starts, computes on one."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # torch reads it when it is imported, which no file does before this one
