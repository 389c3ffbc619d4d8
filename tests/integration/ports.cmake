qx_add_script_test(ports SCRIPT integration/ports.py TIMEOUT 180 LABELS integration release)
