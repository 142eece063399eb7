package main

import "net/http"

func (s *system) dashboard(mux *http.ServeMux) {}
