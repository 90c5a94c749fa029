"""The program: HTTP, settings, trust, the FHIR client, the journal and the command line."""
