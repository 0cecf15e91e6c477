# Tries: leaves with success before the tests
# Must hold: no pass

import sys

sys.exit(0)
