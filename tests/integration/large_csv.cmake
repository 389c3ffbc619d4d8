qx_add_script_test(large_csv SCRIPT integration/large_csv.py LABELS integration release)
