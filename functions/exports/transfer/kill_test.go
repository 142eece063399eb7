package transfer_test

const killDir = "CARILLON_EXPORTS_KILL_DIR"

func runUntilKilled() {}
