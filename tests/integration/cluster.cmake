qx_add_script_test(cluster SCRIPT integration/cluster.py TIMEOUT 180 LABELS integration SERIAL)
