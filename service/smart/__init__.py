"""The companion app: launched from a card inside the EHR, it asks what is open and keeps the answers.

launch.py begins and ends a SMART App Launch, order.py is the page after it; the rest is what they rest on.
"""
