"""`imaging-cds replay` and `compare`: past orders of a FHIR export, each judged on the chart as it stood then."""
