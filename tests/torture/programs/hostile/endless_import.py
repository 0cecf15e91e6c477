# Tries: never gets to the function
# Must hold: the clock ends it; no pass

while True:
    pass
