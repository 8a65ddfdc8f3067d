"""The asyncio SDK for Sinch's Imported Numbers and Hosting Orders API."""
