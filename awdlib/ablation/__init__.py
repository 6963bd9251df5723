"""The method taken apart: losses, attributions, teachers, scales, starts, one at a time.

`setup` has the sizes, `sources` who teaches (good teachers, broken ones, none) and by which
attribution, `tracks` the variants on clathrin tracks, `planted` those on the planted wavelet, `cd`
the one attribution whose gradient needs the network at every step, `record` what is stored.
"""
