package relay

//nolint:gochecknoinits // before any test
func init() { // a run's tries come soon
	for i, d := range hookTries {
		hookTries[i] = d / 20
	}
}
